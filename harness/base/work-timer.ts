import { wallClockUs } from './clock.ts';

/** Starts timing; the function that it returns tells the microseconds since, as often as it is asked. */
export type WorkTimer = () => () => number;

/** Wall time: of work on a device that this process waits for. */
export const wallTimer: WorkTimer = () => {
  const startUs = wallClockUs();
  return () => wallClockUs() - startUs;
};

/**
 * Time of work that this process's own thread does: wall time, less what other processes took from it. That is the
 * process's CPU time where that is the shorter; where several threads compute, it is longer than wall time.
 */
export const computeTimer: WorkTimer = () => {
  const startUs = wallClockUs();
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return Math.min(wallClockUs() - startUs, user + system);
  };
};

/** Coarser CPU clocks tell nothing about a step. */
const finestUs = 50;

/** Returns a timer for work that is computed in this process; wall time where the CPU clock is too coarse. */
export function ownWorkTimer(): WorkTimer {
  for (let tries = 0; tries < 100; tries += 1) {
    const tickUs = nextCpuTickUs();
    if (tickUs <= finestUs) return computeTimer;
  }
  return wallTimer;
}

/** Spins until the CPU clock moves, and returns by how much. */
function nextCpuTickUs(): number {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if (user + system > 0) return user + system;
  }
}
