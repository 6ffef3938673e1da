import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('action', { choices: ['describe'] as const, demandOption: true })
    .positional('file', { type: 'string', demandOption: true, describe: 'trace file or configuration' })
    .option('seed', {
      type: 'number',
      requiresArg: true,
      default: 1,
      describe: "seed of a configuration's workload",
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const trace: Command<FlagsOf<typeof flags>> = {
  usage: 'trace <action> <file>',
  summary: 'what a trace, or the workload of a configuration, looks like',
  examples: [
    ['bench trace describe configs/burst.yaml', 'rates, lengths, KV demand over time'],
    ['bench trace describe azure-code.csv', 'a trace file as it is'],
  ],
  flags,
  async execute({ file, seed, format }) {
    const { describeWorkloadOf } = await import('../describe-workload-of.ts');
    console.log(await describeWorkloadOf(file, { seed, format }));
    return 0;
  },
};
