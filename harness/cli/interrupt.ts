/**
 * The first Ctrl-C (or SIGTERM) aborts the signal, so that what runs can stop and tidy up; the second ends the process
 * at once, and worker processes end themselves when their parent has gone.
 */
export function catchInterrupts(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onInterrupt = () => {
    if (controller.signal.aborted) process.kill(process.pid, 'SIGKILL');
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
