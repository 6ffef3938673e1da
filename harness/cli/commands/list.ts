import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser.option('format', { choices: ['table', 'json'] as const, default: 'table' as const });
}

export const list: Command<FlagsOf<typeof flags>> = {
  usage: 'list',
  summary: 'what there is: policies with their parameters, models, hardware, configurations',
  examples: [['bench list --format json', 'the same for a program']],
  flags,
  async execute({ format }) {
    const { collectCatalog, formatCatalog } = await import('../catalog.ts');
    const catalog = collectCatalog();
    console.log(format === 'json' ? JSON.stringify(catalog, undefined, 2) : formatCatalog(catalog));
    return 0;
  },
};
