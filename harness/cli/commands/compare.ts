import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('before', { type: 'string', demandOption: true, describe: 'results folder' })
    .positional('after', {
      type: 'string',
      demandOption: true,
      describe: 'results folder to hold against it',
    })
    .option('metric', {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'only this metric, by its key in summary.json; repeatable (default: all that are compared)',
    })
    .option('fail-on', {
      choices: ['worse', 'different'] as const,
      describe: 'exit code 99 when a stack surely is',
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const compare: Command<FlagsOf<typeof flags>> = {
  usage: 'compare <before> <after>',
  summary: 'two runs, stack by stack: of two commits, configurations, days or machines',
  examples: [
    ['bench compare results/main results/my-branch', 'what has changed, and what is surely better or worse'],
    ['bench compare old new --metric p99_ttft_ms --fail-on worse', 'for CI: exit code 99 on a regression'],
  ],
  flags,
  async execute(given) {
    const { compareFolders } = await import('../compare-folders.ts');
    return compareFolders(given);
  },
};
