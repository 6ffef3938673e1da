import { setImmediate } from 'node:timers/promises';
import { EnvironmentError, errorCode, messageOf } from '../base/errors.ts';

/**
 * Keeps errors of standard output and standard error from ending the process: results are files, and a run goes on without anybody who
 * listens. Returns what was lost of the output, when all is written: nothing where a reader closed the pipe early (`bench list | head`).
 */
export function watchOutput(): { failure(): Promise<EnvironmentError | undefined> } {
  let failure: EnvironmentError | undefined;
  process.stdout.on('error', (error) => {
    if (errorCode(error) === 'EPIPE') return;
    failure ??= new EnvironmentError(
      `cannot write to standard output: ${messageOf(error)}`,
      'let it go to a place with room; what is in files is whole',
      { cause: error },
    );
  });
  process.stderr.on('error', () => {});
  return {
    failure: async () => {
      // The stream tells of its last write after this turn.
      await setImmediate();
      return failure;
    },
  };
}
