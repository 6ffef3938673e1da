import type { Argv } from 'yargs';
import type { Command, FlagsOf } from '../command.ts';

function flags(parser: Argv) {
  return parser.option('check', {
    type: 'boolean',
    default: false,
    describe: 'fail when the files on disk differ instead of writing them',
  });
}

/** Maintains the published schemas of this project: `npm run schema`. */
export const schema: Command<FlagsOf<typeof flags>> = {
  usage: 'schema',
  summary: false,
  examples: [],
  flags,
  async execute({ check }) {
    const { staleSchemas, writeSchemas } = await import('../schema-files.ts');
    if (!check) {
      await writeSchemas();
      return 0;
    }
    const stale = await staleSchemas();
    for (const path of stale) console.error(`error: ${path} is not what the code says; run "npm run schema"`);
    return stale.length === 0 ? 0 : 1;
  },
};
