import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../backend/command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Returns the commit of this checkout, with `-dirty` and a hash of the differences if tracked files differ from it; undefined if it is
 * not a Git checkout.
 */
export async function currentCommit(): Promise<string | undefined> {
  if (!existsSync(`${root}.git`)) return undefined;
  const args = ['-C', root, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const result = await runCommand('git', args, { env: process.env });
  if (result.kind === 'missing' || result.exitCode !== 0) return undefined;
  const commit = result.stdout.trim();
  return commit.endsWith('-dirty') ? `${commit}-${await hashOfChanges()}` : commit;
}

/** Two states of the same checkout are two programs. */
async function hashOfChanges(): Promise<string> {
  const result = await runCommand('git', ['-C', root, 'diff', 'HEAD'], { env: process.env });
  const text = result.kind === 'exited' ? result.stdout : '';
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
