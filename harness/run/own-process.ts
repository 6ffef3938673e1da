import { msToUs, usPerSecond } from '../base/units.ts';
import type { CellGuard, CellJob, CellOutcome, CellProgress } from './cell-job.ts';
import { runCell } from './cell.ts';
import type { CellPool } from './matrix.ts';

/**
 * Runs cells in this very process, for a debugger: without a watchdog, so that it may stand still for as long as somebody looks at it, and
 * without anything frozen. A plug-in is not kept from what it could do to the process.
 */
export class OwnProcess implements CellPool {
  readonly #pauseAtUs: number | undefined;

  /** `pauseAtUs`: stops a debugger that is attached at the first question to a policy from this virtual time on. */
  constructor(pauseAtUs: number | undefined) {
    this.#pauseAtUs = pauseAtUs;
  }

  run(_: 'cell', job: CellJob, onProgress: (progress: CellProgress) => void): Promise<CellOutcome> {
    return runCell(job, { onProgress, guard: new PausingGuard(this.#pauseAtUs ?? Infinity) });
  }

  close(): void {}
}

class PausingGuard implements CellGuard {
  #pauseAtUs: number;
  nowUs = 0;

  constructor(pauseAtUs: number) {
    this.#pauseAtUs = pauseAtUs;
  }

  atTime(nowUs: number): void {
    this.nowUs = nowUs;
  }

  enter(): void {
    if (this.nowUs < this.#pauseAtUs) return;
    this.#pauseAtUs = Infinity;
    // Steps out of here lead into the policy that is asked.
    // oxlint-disable-next-line no-debugger -- what --pause-at is for
    debugger;
  }

  leave(): void {}
  beforeImport(): void {}
  advance(): void {}
}

/** Returns the microseconds of a time such as `12.5s`, `300ms` or `12.5` (seconds); `undefined` where it is none. */
export function parseVirtualTime(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  return unit === 'ms' ? msToUs(Number(number)) : Number(number) * usPerSecond;
}
