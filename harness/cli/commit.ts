import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../backend/command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Returns the commit of this checkout, with `-dirty` if files differ from it; undefined if it is not a Git
 * checkout.
 */
export async function currentCommit(): Promise<string | undefined> {
  if (!existsSync(`${root}.git`)) return undefined;
  const args = ['-C', root, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const result = await runCommand('git', args, { env: process.env });
  return result.kind === 'exited' && result.exitCode === 0 ? result.stdout.trim() : undefined;
}
