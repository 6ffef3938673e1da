import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser
    .positional('dir', { type: 'string', demandOption: true, describe: 'results folder' })
    .option('cell', { type: 'string', requiresArg: true, describe: 'only this cell' });
}

export const requests: Command<FlagsOf<typeof flags>> = {
  usage: 'requests <dir>',
  summary: 'every request of a results folder as CSV',
  examples: [
    ['bench requests results/burst-20260131-142500 > requests.csv', 'one line a request, all cells'],
  ],
  flags,
  async execute({ dir, cell }) {
    const { printRequests } = await import('../print-requests.ts');
    await printRequests(dir, cell);
    return 0;
  },
};
