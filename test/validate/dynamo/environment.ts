import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lastLines, runCommand } from '../../../harness/backend/command.ts';
import { EnvironmentError } from '../../../harness/base/errors.ts';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** Whether the environment has exactly what is pinned, and it loads. */
const probe = `
import importlib.metadata, sys
from dynamo.replay import run_trace_replay
import numpy
sys.exit(importlib.metadata.version("ai-dynamo") != sys.argv[1])`;

/** The version that `requirements.txt` pins. */
export const peerVersion = /^ai-dynamo==(\S+)$/m.exec(readFileSync(requirements, 'utf8'))?.[1] ?? '';

/** Path of a Python that has Dynamo, in a virtual environment of its own that is made where there is none yet. */
export async function ensurePeer(folder: string): Promise<string> {
  const python = join(folder, 'bin', 'python');
  if (await succeeds(python, ['-c', probe, peerVersion])) return python;
  process.stderr.write(`installing ai-dynamo ${peerVersion} in ${folder} (60 MB) ...\n`);
  await run('python3', ['-m', 'venv', folder], {
    missing: 'Python 3 is not installed',
    failed: 'Python cannot make a virtual environment',
    remedy: 'install Python 3.10 or later with venv (Debian and Ubuntu: apt install python3-venv)',
  });
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements], {
    missing: `${python} does not start`,
    failed: `pip cannot install ai-dynamo ${peerVersion}`,
    remedy: 'Python 3.10 or later on Linux (x86-64 or arm64) and a package index are needed',
  });
  await run(python, ['-c', probe, peerVersion], {
    missing: `${python} does not start`,
    failed: `ai-dynamo ${peerVersion} is installed but does not load`,
    remedy: `remove ${folder} and try again`,
  });
  return python;
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  const result = await runCommand(program, args, { env: process.env });
  return result.kind === 'exited' && result.exitCode === 0;
}

/** Runs a program to its end; what goes wrong is the environment's fault, with the program's last words as the cause. */
export async function run(
  program: string,
  args: readonly string[],
  text: { readonly missing: string; readonly failed: string; readonly remedy: string },
): Promise<void> {
  const result = await runCommand(program, args, { env: process.env });
  if (result.kind === 'missing') throw new EnvironmentError(text.missing, text.remedy);
  if (result.exitCode === 0) return;
  throw new EnvironmentError(`${text.failed}: ${lastLines(result.stderr || result.stdout)}`, text.remedy);
}
