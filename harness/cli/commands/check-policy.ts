import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('file', {
      type: 'string',
      demandOption: true,
      describe: 'plug-in, or the name of a built-in policy',
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const checkPolicy: Command<FlagsOf<typeof flags>> = {
  usage: 'check-policy <file>',
  summary: 'run the conformance suite on a policy: what passes, what fails, and why',
  examples: [['bench check-policy ./my-policy.ts', 'exit code 1 when something fails']],
  flags,
  async execute({ file, format }) {
    const { runChecks, formatChecks } = await import('../run-checks.ts');
    const checks = await runChecks(file);
    console.log(format === 'json' ? JSON.stringify(checks, undefined, 2) : formatChecks(checks));
    return checks.some(({ status }) => status === 'failed') ? 1 : 0;
  },
};
