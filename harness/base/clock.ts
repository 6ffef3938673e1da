/**
 * The only place that reads the machine's clock. Everything that decides lives on the virtual clock of
 * `harness/core`; wall time is for measuring steps and for telling a person how long something takes.
 */
export function wallClockUs(): number {
  return performance.now() * 1000;
}

/** Wall-clock instant for file names and manifests, ISO 8601. */
export function isoNow(): string {
  return new Date().toISOString();
}
