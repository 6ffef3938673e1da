import { EnvironmentError, formatIssue, InputError, messageOf, PolicyError } from '../base/errors.ts';
import type { ExitCode } from './command.ts';

/**
 * Prints an error to stderr and returns the exit code. The stack is shown only for our own bugs, or with
 * `SERVEBENCH_DEBUG=1`.
 */
export function reportError(error: unknown): ExitCode {
  const isExpected =
    error instanceof InputError || error instanceof EnvironmentError || error instanceof PolicyError;
  for (const line of describeError(error)) console.error(line);
  const showsStack = !isExpected || process.env['SERVEBENCH_DEBUG'] === '1';
  if (showsStack && error instanceof Error) console.error(error.stack);
  return error instanceof InputError ? 2 : 1;
}

function describeError(error: unknown): readonly string[] {
  if (error instanceof InputError) return error.issues.map((issue) => `error: ${formatIssue(issue)}`);
  if (error instanceof EnvironmentError) return [`error: ${error.message}`, `remedy: ${error.remedy}`];
  if (error instanceof PolicyError) return [`error: ${error.message}`];
  return [`error: ${messageOf(error)}`, 'This is a mistake in servebench, not in what you asked for.'];
}
