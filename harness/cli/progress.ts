import { wallClockUs } from '../base/clock.ts';
import { formatDuration, usPerMs } from '../base/units.ts';
import type { CellOutcome, CellProgress } from '../run/cell-job.ts';
import type { PlannedCell } from '../run/matrix.ts';
import type { RunProgress } from '../run/run.ts';

const redrawMs = 150;
const barWidth = 24;

/** Width used for terminals that report 0 columns. */
const fallbackColumns = 80;

export interface ProgressOptions {
  readonly isQuiet: boolean;
  /** Whether a terminal gets bars; otherwise lines, as a file does. */
  readonly drawsBars?: boolean;
}

export function createProgress(
  out: NodeJS.WriteStream,
  { isQuiet, drawsBars = true }: ProgressOptions,
): RunProgress {
  if (isQuiet) return new ProgressLines(() => {});
  return out.isTTY && drawsBars ? new ProgressBars(out) : new ProgressLines((line) => out.write(`${line}\n`));
}

/** Writes one line per ended cell, for logs and pipes. */
class ProgressLines implements RunProgress {
  readonly #write: (line: string) => void;
  #numCells = 0;
  #numEnded = 0;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  begin(cells: readonly PlannedCell[], numFinished: number): void {
    this.#numCells = cells.length;
    this.#numEnded = numFinished;
    if (numFinished > 0) this.#write(`${numFinished} of ${cells.length} cells were finished before`);
  }

  cellDamaged(cell: PlannedCell, damage: string): void {
    this.#write(damagedLine(cell, damage));
  }

  cellStarted(): void {}
  cellProgress(): void {}

  cellDone(cell: PlannedCell, outcome: CellOutcome): void {
    this.#numEnded += 1;
    this.#write(`[${this.#numEnded}/${this.#numCells}] ${doneLine(cell, outcome)}`);
  }

  cellFailed(cell: PlannedCell, error: string): void {
    this.#numEnded += 1;
    this.#write(`[${this.#numEnded}/${this.#numCells}] ${failedLine(cell, error)}`);
  }

  twinsDone(done: number, planned: number): void {
    if (done === 1) this.#write(`simulating ${planned} cells beside the measured ones`);
  }

  end(): void {}
}

/** Draws one bar for the whole run with the time left, and below it one per running cell. */
class ProgressBars implements RunProgress {
  readonly #out: NodeJS.WriteStream;
  readonly #active = new Map<string, CellProgress>();
  #numCells = 0;
  #numEnded = 0;
  #numFinishedBefore = 0;
  #startedUs = 0;
  #numDrawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  begin(cells: readonly PlannedCell[], numFinished: number): void {
    this.#numCells = cells.length;
    this.#numEnded = numFinished;
    this.#numFinishedBefore = numFinished;
    this.#startedUs = wallClockUs();
    this.#timer = setInterval(() => this.#draw(), redrawMs);
  }

  cellDamaged(cell: PlannedCell, damage: string): void {
    this.#erase();
    this.#out.write(`${damagedLine(cell, damage)}\n`);
  }

  cellStarted({ id }: PlannedCell): void {
    this.#active.set(id, { phase: 'prepare', ended: 0, planned: 0, virtualUs: 0 });
  }

  cellProgress({ id }: PlannedCell, progress: CellProgress): void {
    this.#active.set(id, progress);
  }

  cellDone(cell: PlannedCell, outcome: CellOutcome): void {
    this.#ended(cell, doneLine(cell, outcome));
  }

  cellFailed(cell: PlannedCell, error: string): void {
    this.#ended(cell, failedLine(cell, error));
  }

  twinsDone(done: number, planned: number): void {
    this.#erase();
    this.#out.write(`${bar(done / planned)} ${done}/${planned} simulated beside the measured ones\n`);
    this.#numDrawn = 1;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #ended({ id }: PlannedCell, line: string): void {
    this.#active.delete(id);
    this.#numEnded += 1;
    this.#erase();
    this.#out.write(`${line}\n`);
    this.#draw();
  }

  #draw(): void {
    const shares = [...this.#active.values()].map(shareOf);
    const done = (this.#numEnded + shares.reduce((sum, share) => sum + share, 0)) / this.#numCells;
    const head = `${bar(done)} ${this.#numEnded}/${this.#numCells} cells${this.#timeLeft(done)}`;
    const cells = [...this.#active].map(
      ([id, progress]) => `${bar(shareOf(progress))} ${id}: ${phaseText(progress)}`,
    );
    this.#erase();
    for (const line of [head, ...cells])
      this.#out.write(`${line.slice(0, (this.#out.columns || fallbackColumns) - 1)}\n`);
    this.#numDrawn = cells.length + 1;
  }

  /**
   * Estimates the time left from the progress of this run; cells that an earlier run finished are excluded.
   */
  #timeLeft(done: number): string {
    const before = this.#numFinishedBefore / this.#numCells;
    if (done - before < 0.02) return '';
    const leftUs = ((wallClockUs() - this.#startedUs) * (1 - done)) / (done - before);
    return `, about ${formatDuration(leftUs)} left`;
  }

  #erase(): void {
    if (this.#numDrawn > 0) this.#out.write(`\u001b[${this.#numDrawn}A\u001b[J`);
    this.#numDrawn = 0;
  }
}

function shareOf({ phase, ended, planned }: CellProgress): number {
  if (phase === 'verify') return 1;
  return planned === 0 ? 0 : ended / planned;
}

function phaseText({ phase, ended, planned }: CellProgress): string {
  switch (phase) {
    case 'calibrate':
      return `${ended} of ${planned} steps`;
    case 'prepare':
      return 'preparing';
    case 'run':
      return `${ended} of ${planned} requests`;
    case 'verify':
      return 'checking tokens';
  }
}

function bar(share: number): string {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * barWidth);
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
}

function doneLine({ id }: PlannedCell, { summary, wall }: CellOutcome): string {
  const { completed, offered } = summary;
  return `${id}: ${completed} of ${offered} requests in ${formatDuration(wall.wall_ms * usPerMs)}`;
}

function damagedLine({ id }: PlannedCell, damage: string): string {
  return `${id}: DAMAGED, runs again: ${damage}`;
}

function failedLine({ id }: PlannedCell, error: string): string {
  return `${id}: FAILED: ${error}`;
}
