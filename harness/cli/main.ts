import yargs from 'yargs';
import type { Argv } from 'yargs';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { toYargsModule } from './command.ts';
import type { ExitCode } from './command.ts';
import { calibrate } from './commands/calibrate.ts';
import { checkPolicy } from './commands/check-policy.ts';
import { compare } from './commands/compare.ts';
import { doctor } from './commands/doctor.ts';
import { list } from './commands/list.ts';
import { newPolicy } from './commands/new-policy.ts';
import { report } from './commands/report.ts';
import { requests } from './commands/requests.ts';
import { run } from './commands/run.ts';
import { schema } from './commands/schema.ts';
import { setup } from './commands/setup.ts';
import { sweep } from './commands/sweep.ts';
import { trace } from './commands/trace.ts';
import { flagValueIssues } from './flag-values.ts';
import type { KnownOptions } from './flag-values.ts';
import { reportError } from './report-error.ts';
import { watchOutput } from './watch-output.ts';

const commandNames = [
  'run',
  'sweep',
  'setup',
  'doctor',
  'calibrate',
  'list',
  'new-policy',
  'check-policy',
  'report',
  'compare',
  'requests',
  'trace',
];

/**
 * Runs the command given by the arguments and returns the exit code, the only one with which the process
 * ends.
 */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const output = watchOutput();
  let exitCode: ExitCode = 0;
  try {
    await createParser(argv, (code) => {
      exitCode = code;
    }).parseAsync();
  } catch (error) {
    exitCode = reportError(error);
  }
  const failure = await output.failure();
  return failure === undefined || exitCode !== 0 ? exitCode : reportError(failure);
}

function createParser(argv: readonly string[], onExit: (code: ExitCode) => void) {
  const parser = yargs([...argv]);
  parser
    .scriptName('bench')
    .usage('Compares LLM-serving policies, on real transformer execution or simulated.')
    .command(toYargsModule(run, onExit))
    .command(toYargsModule(sweep, onExit))
    .command(toYargsModule(setup, onExit))
    .command(toYargsModule(doctor, onExit))
    .command(toYargsModule(calibrate, onExit))
    .command(toYargsModule(list, onExit))
    .command(toYargsModule(newPolicy, onExit))
    .command(toYargsModule(checkPolicy, onExit))
    .command(toYargsModule(report, onExit))
    .command(toYargsModule(compare, onExit))
    .command(toYargsModule(requests, onExit))
    .command(toYargsModule(trace, onExit))
    .command(toYargsModule(schema, onExit))
    .parserConfiguration({ 'greedy-arrays': false, 'dot-notation': false, 'boolean-negation': false })
    .strict()
    .check((given) => requireSingle(given, optionsOf(parser).array))
    .check(() => requireValues(argv, parser))
    .help()
    .alias('help', 'h')
    .exitProcess(false)
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue('Exit codes: 0 ok, 1 a run failed, 2 bad input, 99 a threshold was crossed, 130 interrupted.');
  return parser.fail((message, error) => {
    requireValues(argv, parser);
    // yargs has errors of its own for some mistakes of the user.
    if (error !== undefined && error.name !== 'YError') throw error;
    throw new InputError(usageIssues(message ?? error?.message, optionsOf(parser)));
  });
}

/** Throws `InputError` where a flag lacks its value, or has one that it cannot have. */
function requireValues(argv: readonly string[], parser: Argv): true {
  const issues = flagValueIssues(argv, optionsOf(parser));
  if (issues.length > 0) throw new InputError(issues);
  return true;
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

/** yargs has this method, but its types omit it. */
function optionsOf(parser: Argv): KnownOptions {
  return (parser as unknown as { getOptions(): KnownOptions }).getOptions();
}
