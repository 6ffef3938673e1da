import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { FlagsOf } from './command.ts';
import { experimentFlags } from './run-flags.ts';

/** All flags of `bench sweep`. */
export function sweepFlags(parser: Argv) {
  return experimentFlags(parser)
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
    })
    .option('mode', {
      choices: ['measure', 'simulate'] as const,
      describe: 'real execution on TensorFlow, or the simulator',
    })
    .option('device', {
      choices: ['auto', 'cpu', 'cuda'] as const,
      default: 'auto' as const,
      describe: 'where TensorFlow computes',
    })
    .option('output-dir', {
      type: 'string',
      requiresArg: true,
      describe: 'folder of the sweep (default: results/<name>-sweep-<time>)',
    })
    .option('resume', {
      type: 'boolean',
      default: false,
      describe: 'run only what is missing in --output-dir, of more values as well',
    })
    .option('dry-run', { type: 'boolean', default: false, describe: 'show what would run, and stop' })
    .option('concurrency', {
      type: 'number',
      requiresArg: true,
      describe: 'simulated cells at once (default: cores)',
    })
    .option('format', { choices: ['table', 'json'] as const, default: 'table' as const })
    .option('quiet', { type: 'boolean', default: false, describe: 'no progress' });
}

export type SweepFlags = ArgumentsCamelCase<FlagsOf<typeof sweepFlags>>;
