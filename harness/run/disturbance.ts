import { computeTimer, wallTimer } from '../base/work-timer.ts';

/** More of a cell's time than this taken by other processes, or its speed changing by more, and its figures do not count. */
const maxLostShare = 0.1;
const maxSpeedSpread = 1.5;

/** Returns what was wrong with the machine while a cell ran, in a sentence, or `undefined` where it was quiet enough. */
export function disturbanceOf(seen: {
  readonly lostShare: number;
  readonly speedSpread: number;
}): string | undefined {
  const { lostShare, speedSpread } = seen;
  if (lostShare > maxLostShare) {
    return `other processes took ${Math.round(lostShare * 100)} % of its time (limit ${maxLostShare * 100} %)`;
  }
  if (speedSpread > maxSpeedSpread) {
    return `the machine's speed changed by a factor of ${speedSpread.toFixed(2)} (limit ${maxSpeedSpread})`;
  }
  return undefined;
}

/** On a CPU steps compute all the time: wall time beyond CPU time is time that other processes took. */
export function watchLoad(): () => number {
  const computedUs = computeTimer();
  const wallUs = wallTimer();
  return () => 1 - computedUs() / wallUs();
}
