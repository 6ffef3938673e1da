import yargs from 'yargs';
import type { Argv } from 'yargs';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { toYargsModule } from './command.ts';
import type { ExitCode } from './command.ts';
import { calibrate } from './commands/calibrate.ts';
import { checkPolicy } from './commands/check-policy.ts';
import { doctor } from './commands/doctor.ts';
import { list } from './commands/list.ts';
import { newPolicy } from './commands/new-policy.ts';
import { report } from './commands/report.ts';
import { requests } from './commands/requests.ts';
import { run } from './commands/run.ts';
import { schema } from './commands/schema.ts';
import { setup } from './commands/setup.ts';
import { trace } from './commands/trace.ts';
import { reportError } from './report-error.ts';

const commandNames = [
  'run',
  'setup',
  'doctor',
  'calibrate',
  'list',
  'new-policy',
  'check-policy',
  'report',
  'requests',
  'trace',
];

/**
 * Runs the command given by the arguments and returns the exit code, the only one with which the process
 * ends.
 */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  // A reader that closes the pipe early (`bench list | head`) is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  let exitCode: ExitCode = 0;
  try {
    await createParser(argv, (code) => {
      exitCode = code;
    }).parseAsync();
  } catch (error) {
    exitCode = reportError(error);
  }
  return exitCode;
}

function createParser(argv: readonly string[], onExit: (code: ExitCode) => void) {
  const parser = yargs([...argv]);
  parser
    .scriptName('bench')
    .usage('Compares LLM-serving policies, on real transformer execution or simulated.')
    .command(toYargsModule(run, onExit))
    .command(toYargsModule(setup, onExit))
    .command(toYargsModule(doctor, onExit))
    .command(toYargsModule(calibrate, onExit))
    .command(toYargsModule(list, onExit))
    .command(toYargsModule(newPolicy, onExit))
    .command(toYargsModule(checkPolicy, onExit))
    .command(toYargsModule(report, onExit))
    .command(toYargsModule(requests, onExit))
    .command(toYargsModule(trace, onExit))
    .command(toYargsModule(schema, onExit))
    .parserConfiguration({ 'greedy-arrays': false, 'dot-notation': false, 'boolean-negation': false })
    .strict()
    .check((given) => requireSingle(given, optionsOf(parser).array))
    .help()
    .alias('help', 'h')
    .exitProcess(false)
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue('Exit codes: 0 ok, 1 a run failed, 2 bad input, 99 a threshold was crossed, 130 interrupted.');
  return parser.fail((message, error) => {
    throw error ?? new InputError(usageIssues(message, optionsOf(parser)));
  });
}

/**
 * Throws `InputError` if a flag is given twice that takes a single value: yargs then makes a list of it,
 * whatever its type.
 */
function requireSingle(given: Readonly<Record<string, unknown>>, lists: readonly string[]): true {
  const twice = Object.keys(given).filter(
    (name) => name !== '_' && Array.isArray(given[name]) && !lists.includes(name),
  );
  const issues = twice.map((name) => ({ source: `--${name}`, path: '', message: 'is given twice' }));
  if (issues.length > 0) throw new InputError(issues);
  return true;
}

/** Converts the message of yargs about bad arguments into issues, with the nearest valid names. */
function usageIssues(message: string, options: KnownOptions): InputIssue[] {
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message)?.[1];
  if (unknown === undefined) return [{ source: 'bench', path: '', message, hint: 'see --help' }];
  const flags = Object.keys(options.key).filter((name) => name.length > 1 && !/[A-Z]/.test(name));
  return unknown.split(', ').map((name) => {
    const isFlag = process.argv.some(
      (argument) => argument === `--${name}` || argument.startsWith(`--${name}=`),
    );
    return isFlag
      ? {
          source: `--${name}`,
          path: '',
          message: 'there is no such flag',
          hint: suggest(
            `--${name}`,
            flags.map((flag) => `--${flag}`),
          ),
        }
      : { source: name, path: '', message: 'there is no such command', hint: suggest(name, commandNames) };
  });
}

interface KnownOptions {
  /** Names of the flags that take a list. */
  readonly array: readonly string[];
  /** All flags of the commands that yargs has parsed so far. */
  readonly key: Readonly<Record<string, unknown>>;
}

/** yargs has this method, but its types omit it. */
function optionsOf(parser: Argv): KnownOptions {
  return (parser as unknown as { getOptions(): KnownOptions }).getOptions();
}
