import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('file', {
      type: 'string',
      demandOption: true,
      describe: 'plug-in, or the name of a built-in policy',
    })
    .option('set', {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'parameter of the policy: NAME=VALUE, the value in YAML',
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const checkPolicy: Command<FlagsOf<typeof flags>> = {
  usage: 'check-policy <file>',
  summary: 'run the conformance suite on a policy: what passes, what fails, and why',
  examples: [
    ['bench check-policy ./my-policy.ts', 'exit code 1 when something fails'],
    ['bench check-policy ./my-policy.ts --set threshold=0.9', 'with another parameter than the default'],
  ],
  flags,
  async execute({ file, set, format }) {
    const { runChecks, formatChecks, paramsOf } = await import('../run-checks.ts');
    const checks = await runChecks(file, paramsOf(set));
    console.log(format === 'json' ? JSON.stringify(checks, undefined, 2) : formatChecks(checks));
    return checks.some(({ status }) => status === 'failed') ? 1 : 0;
  },
};
