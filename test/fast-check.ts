import { relative } from 'node:path';
import { configureGlobal, defaultReportMessage } from 'fast-check';
import type { RunDetails } from 'fast-check';
import { expect } from 'vitest';

export * from 'fast-check';

const usualSeed = 20_261_121;
const seed = Number(process.env['SERVEBENCH_SEED'] ?? usualSeed);
if (!Number.isInteger(seed) || Math.abs(seed) >= 2 ** 31) {
  throw new Error(
    `SERVEBENCH_SEED: a whole number of at most 31 bits, not ${process.env['SERVEBENCH_SEED']}`,
  );
}

/** Whether this is the seed of every ordinary run, of which it is known what it reaches; `npm run test:seeds` takes others. */
export const isUsualSeed = seed === usualSeed;

// fast-check through this module draws what `SERVEBENCH_SEED` says, so that a failure repeats, and tells how to repeat it.
configureGlobal({ seed, reporter: report });

function report(details: RunDetails<unknown>): void {
  if (!details.failed) return;
  const { testPath = '', currentTestName = '' } = expect.getState();
  // As a pattern, and inside of quotes of the shell.
  const name = currentTestName.replaceAll(' > ', ' ').replaceAll(/[^\w ,:-]/g, '.');
  const file = relative(process.cwd(), testPath);
  const command = `SERVEBENCH_SEED=${seed} npx vitest run ${file} -t "${name}"`;
  throw new Error(`${defaultReportMessage(details)}\n\nTo repeat it: ${command}`, {
    cause: details.errorInstance,
  });
}
