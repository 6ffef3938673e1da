import { wallClockUs } from '../base/clock.ts';
import type { SpeedRecord } from '../domain/stage-profile.ts';
import { quantileOfSorted, sorted } from '../base/stats.ts';

/**
 * Beats at the start, and those whose median tells the speed. Single beats differ by a tenth and more on a shared machine: with
 * so many, and so often, ten seconds of stages are charged to 1.5 %; with a quarter of them, to 4 %, worse than with none.
 */
const window = 25;

/** Wall time from one beat to the next: at least this, and so long that beats, each of them done twice, take under 4 % of it. */
const leastIntervalUs = 50_000;
const intervalPerBeat = 55;

/**
 * Tells how fast the machine is now: a fixed piece of work is timed again and again between the steps of a run, and its
 * running median compared with what it takes when stages take what the device's profile says. Beats are no part of the run's time.
 */
export class Metronome {
  readonly #beat: () => number;
  readonly #calibratedUs: number;
  readonly #onBeat: (record: SpeedRecord) => void;
  readonly #startUs = wallClockUs();
  readonly #recent: number[] = [];
  #nextUs = 0;
  #beatUs: number;
  #slowest = Number.POSITIVE_INFINITY;
  #fastest = 0;

  /** `beat` does the work and returns its time in microseconds; `calibratedUs` is what it takes at the speed of the profile. */
  constructor(beat: () => number, calibratedUs: number, onBeat: (record: SpeedRecord) => void) {
    this.#beat = beat;
    this.#calibratedUs = calibratedUs;
    this.#beatUs = calibratedUs;
    this.#onBeat = onBeat;
    for (let count = 0; count < window; count += 1) this.#take();
  }

  /** What a beat takes now: the median of the last ones. */
  get beatUs(): number {
    return this.#beatUs;
  }

  /** How fast the machine is now, over its speed when stages take what the profile says. */
  get speed(): number {
    return this.#calibratedUs / this.#beatUs;
  }

  /** Largest over smallest speed so far. */
  get spread(): number {
    return this.#fastest / this.#slowest;
  }

  /** Beats if it is time. */
  tick(): void {
    if (wallClockUs() >= this.#nextUs) this.#take();
  }

  #take(): void {
    const beatUs = this.#beat();
    this.#recent.push(beatUs);
    if (this.#recent.length > window) this.#recent.shift();
    this.#beatUs = quantileOfSorted(sorted(this.#recent), 0.5) ?? beatUs;
    const nowUs = wallClockUs();
    this.#nextUs = nowUs + Math.max(leastIntervalUs, intervalPerBeat * this.#beatUs);
    const { speed } = this;
    if (this.#recent.length === window) {
      this.#slowest = Math.min(this.#slowest, speed);
      this.#fastest = Math.max(this.#fastest, speed);
    }
    this.#onBeat({ wallUs: Math.round(nowUs - this.#startUs), beatUs, speed });
  }
}
