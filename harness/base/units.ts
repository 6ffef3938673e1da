/** Inside the harness, time is in integer microseconds and memory in bytes; conversions are defined here. */
export const usPerMs = 1000;
export const usPerSecond = 1_000_000;

export function secondsToUs(seconds: number): number {
  return Math.round(seconds * usPerSecond);
}

export function msToUs(ms: number): number {
  return Math.round(ms * usPerMs);
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats bytes with a binary unit: `1536` gives `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unitIndex = 0;
  while (Math.abs(value) >= 1024 && unitIndex < byteUnits.length - 1) {
    value /= 1024;
    unitIndex += 1;
  }
  return `${unitIndex === 0 ? value : value.toFixed(1)} ${byteUnits[unitIndex] ?? 'B'}`;
}

/** Formats a duration: `83_500_000` gives `1 min 24 s`; below a minute `12.3 s`; below a second `340 ms`. */
export function formatDuration(us: number): string {
  if (us < usPerSecond) return `${Math.round(us / usPerMs)} ms`;
  const seconds = us / usPerSecond;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
