import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../backend/command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Commit of this checkout, with `-dirty` where files differ from it; `undefined` where there is no Git. */
export async function currentCommit(): Promise<string | undefined> {
  if (!existsSync(`${root}.git`)) return undefined;
  const args = ['-C', root, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const result = await runCommand('git', args, { env: process.env });
  return result.kind === 'exited' && result.exitCode === 0 ? result.stdout.trim() : undefined;
}
