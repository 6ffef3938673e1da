import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser.positional('dir', { type: 'string', demandOption: true, describe: 'results folder' });
}

export const report: Command<FlagsOf<typeof flags>> = {
  usage: 'report <dir>',
  summary: 'write the report of a results folder again',
  examples: [['bench report results/burst-20260131-142500', 'report.html and charts/*.vl.json']],
  flags,
  async execute({ dir }) {
    const { formatBytes } = await import('../../base/units.ts');
    const { reportAgain } = await import('../report-again.ts');
    const { htmlPath, chartPaths, bytes } = await reportAgain(dir);
    console.log(`${htmlPath} (${formatBytes(bytes)}, ${chartPaths.length} charts)`);
    return 0;
  },
};
