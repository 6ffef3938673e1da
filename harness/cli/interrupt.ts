import { wallClockUs } from '../base/clock.ts';
import { msToUs } from '../base/units.ts';

/**
 * npm forwards a signal that the terminal has sent to us as well. Signals within this time count as one
 * Ctrl-C.
 */
const echoUs = msToUs(500);

/** Leaves it to the system what a signal does to this process. */
export function neverInterrupted(): ReturnType<typeof catchInterrupts> {
  return { signal: new AbortController().signal, release: () => {} };
}

/**
 * The first Ctrl-C (or SIGTERM, SIGHUP) aborts the returned signal, so that the run can stop and clean up.
 * The second ends the process at once; worker processes end themselves when their parent is gone.
 */
export function catchInterrupts(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstUs: number | undefined;
  const onInterrupt = () => {
    firstUs ??= wallClockUs();
    if (wallClockUs() - firstUs > echoUs) process.kill(process.pid, 'SIGKILL');
    controller.abort();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onInterrupt);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, onInterrupt);
    },
  };
}
