/**
 * Returns the wall-clock time in microseconds since an arbitrary start. No other code reads the machine's
 * clock except `isoNow`. All decisions use the virtual clock of `harness/core`; wall time is for measuring
 * steps and for telling people how long something takes.
 */
export function wallClockUs(): number {
  return performance.now() * 1000;
}

/** Returns the current date and time in ISO 8601 (UTC), for file names and manifests. */
export function isoNow(): string {
  return new Date().toISOString();
}
