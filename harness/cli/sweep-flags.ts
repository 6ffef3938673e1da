import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { FlagsOf } from './command.ts';
import { deviceFlags, experimentFlags, outputFlags } from './run-flags.ts';

/** All flags of `bench sweep`. */
export function sweepFlags(parser: Argv) {
  const asked = experimentFlags(parser)
    .demandOption('config')
    .option('over', {
      array: true,
      string: true,
      requiresArg: true,
      default: [],
      describe:
        'a setting and its values: a.b=1,2,4, a.b=0.5..0.9:5 or a.b=1..100:log3; repeatable, all combinations',
    })
    .option('metric', {
      type: 'string',
      requiresArg: true,
      default: 'p99_ttft_ms',
      describe: 'what the best value is chosen by',
    });
  const folder = deviceFlags(asked)
    .option('output-dir', {
      type: 'string',
      requiresArg: true,
      describe: 'folder of the sweep (default: results/<name>-sweep-<time>)',
    })
    .option('resume', {
      type: 'boolean',
      default: false,
      describe: 'run only what is missing in --output-dir, of more values as well',
    });
  return outputFlags(folder);
}

export type SweepFlags = ArgumentsCamelCase<FlagsOf<typeof sweepFlags>>;
