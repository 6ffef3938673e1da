import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { FlagsOf } from './command.ts';

/** Adds the flags that choose what is run: the configuration, and values that replace parts of it. */
export function experimentFlags(parser: Argv) {
  return parser
    .option('config', { type: 'string', requiresArg: true, describe: 'configuration to run' })
    .option('policy', {
      array: true,
      string: true,
      requiresArg: true,
      default: [],
      describe:
        'one more policy: a built-in name, a file (from the working folder), a package; NAME=POLICY?param=value ' +
        'names its stack and sets parameters; repeatable',
    })
    .option('set', {
      array: true,
      string: true,
      requiresArg: true,
      default: [],
      describe: "a value in place of the file's: a.b=c; paths from the configuration's folder; repeatable",
    })
    .option('seed', { type: 'number', requiresArg: true, describe: 'first seed' })
    .option('repeats', { type: 'number', requiresArg: true, describe: 'number of seeds' });
}

/** Adds the flags that choose what executes the steps. */
export function deviceFlags<Given>(parser: Argv<Given>) {
  return parser
    .option('mode', {
      choices: ['measure', 'simulate'] as const,
      describe: 'real execution on TensorFlow, or the simulator',
    })
    .option('device', {
      choices: ['auto', 'cpu', 'cuda'] as const,
      default: 'auto' as const,
      describe: 'where TensorFlow computes',
    });
}

/** Adds the flags of how much is run at once, and of what the terminal shows. */
export function outputFlags<Given>(parser: Argv<Given>) {
  return parser
    .option('dry-run', { type: 'boolean', default: false, describe: 'show what would run, and stop' })
    .option('concurrency', {
      type: 'number',
      requiresArg: true,
      describe: 'simulated cells at once (default: cores)',
    })
    .option('format', {
      choices: ['table', 'json'] as const,
      default: 'table' as const,
      describe: 'closing table',
    })
    .option('quiet', { type: 'boolean', default: false, describe: 'no progress' });
}

/** Adds the flags that choose how steps are executed. */
function executionFlags(parser: Argv) {
  return deviceFlags(experimentFlags(parser))
    .option('clock', {
      choices: ['reference', 'device'] as const,
      describe: "measured time: the described device's (default), or this one's",
    })
    .option('seeds-simulated', {
      type: 'number',
      requiresArg: true,
      describe: 'further seeds that a measured run simulates for its verdicts (default 30; 0: none)',
    })
    .option('replay', {
      type: 'string',
      requiresArg: true,
      describe: 'run a results folder again from its recorded step times',
    });
}

/** Adds the flags for somebody who writes a policy. */
function debuggingFlags(parser: Argv) {
  return executionFlags(parser)
    .option('log', {
      type: 'boolean',
      default: false,
      describe: 'what plug-ins print goes to logs/CELL.log in the results folder, with virtual times',
    })
    .option('only', {
      type: 'string',
      requiresArg: true,
      describe: 'run this one cell (STACK-sSEED) in this process, for a debugger',
    })
    .option('pause-at', {
      type: 'string',
      requiresArg: true,
      describe: 'with --only: stop the debugger at this virtual time (12.5s, 300ms)',
    });
}

/**
 * Adds all flags of `bench run`: what is run, how its steps are executed, and what happens to the results.
 */
export function runFlags(parser: Argv) {
  const folder = debuggingFlags(parser)
    .option('output-dir', {
      type: 'string',
      requiresArg: true,
      describe: 'results folder (default: results/<name>-<time>)',
    })
    .option('overwrite', { type: 'boolean', default: false, describe: 'replace an earlier results folder' })
    .option('resume', { type: 'boolean', default: false, describe: 'run only the missing and failed cells' });
  return outputFlags(folder);
}

export type RunFlags = ArgumentsCamelCase<FlagsOf<typeof runFlags>>;
