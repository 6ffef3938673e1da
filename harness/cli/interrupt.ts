import { wallClockUs } from '../base/clock.ts';
import { msToUs } from '../base/units.ts';

/** npm passes on a signal that the terminal has sent to us as well: that is one Ctrl-C, not two. */
const echoUs = msToUs(500);

/**
 * The first Ctrl-C (or SIGTERM) aborts the signal, so that what runs can stop and tidy up; the second ends the process
 * at once, and worker processes end themselves when their parent has gone.
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
