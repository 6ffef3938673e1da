import type { Timeline } from './timeline.ts';

export interface KvDemand {
  /** Time-weighted means from the first to the last arrival. */
  readonly meanTokens: number;
  readonly meanRunning: number;
  readonly peakTokens: number;
  readonly peakAtS: number;
  readonly peakRunning: number;
  /** Resident KV tokens at the end of each bin. */
  readonly tokensAtBinEnd: readonly number[];
}

/**
 * Estimates how many tokens of KV would be resident if there were room for all: each request holds its prompt
 * from its arrival on, plus one token for each that it has decoded, until it ends.
 */
export function measureKvDemand(
  timeline: Timeline,
  decodeTokensPerS: number,
  binEndsS: readonly number[],
): KvDemand {
  const { arrivalS, endS, promptTokens } = timeline;
  const starts = orderBy(arrivalS);
  const ends = orderBy(endS);
  const firstS = at(arrivalS, at(starts, 0));
  const lastS = at(arrivalS, at(starts, starts.length - 1));
  const sweep = new DemandSweep(decodeTokensPerS, { firstS, lastS }, binEndsS);
  let start = 0;
  for (const ending of ends) {
    const end = at(endS, ending);
    for (let id = starts[start]; id !== undefined && at(arrivalS, id) <= end; id = starts[start]) {
      sweep.start(at(arrivalS, id), at(promptTokens, id));
      start += 1;
    }
    sweep.end(end, at(promptTokens, ending), at(arrivalS, ending));
  }
  return sweep.finish();
}

/**
 * Sweeps over arrivals and ends in order of time. Between two events the demand grows linearly, so its peak
 * lies where a request ends.
 */
class DemandSweep {
  readonly #rate: number;
  readonly #firstS: number;
  readonly #lastS: number;
  readonly #binEndsS: readonly number[];
  readonly #tokensAtBinEnd: number[] = [];
  #timeS: number;
  #tokens = 0;
  #running = 0;
  #tokenSeconds = 0;
  #runningSeconds = 0;
  #peakTokens = 0;
  #peakAtS = 0;
  #peakRunning = 0;

  constructor(rate: number, span: { firstS: number; lastS: number }, binEndsS: readonly number[]) {
    this.#rate = rate;
    this.#firstS = span.firstS;
    this.#lastS = span.lastS;
    this.#binEndsS = binEndsS;
    this.#timeS = span.firstS;
  }

  start(timeS: number, promptTokens: number): void {
    this.#advance(timeS);
    this.#tokens += promptTokens;
    this.#running += 1;
    this.#peakRunning = Math.max(this.#peakRunning, this.#running);
    this.#notePeak();
  }

  end(timeS: number, promptTokens: number, arrivalS: number): void {
    this.#advance(timeS);
    this.#notePeak();
    this.#running -= 1;
    const held = promptTokens + this.#rate * (timeS - arrivalS);
    // Rounding errors must not accumulate: with no request left, the demand is exactly 0.
    this.#tokens = this.#running === 0 ? 0 : this.#tokens - held;
  }

  finish(): KvDemand {
    while (this.#tokensAtBinEnd.length < this.#binEndsS.length) this.#tokensAtBinEnd.push(0);
    const spanS = this.#lastS - this.#firstS;
    return {
      meanTokens: spanS > 0 ? this.#tokenSeconds / spanS : this.#peakTokens,
      meanRunning: spanS > 0 ? this.#runningSeconds / spanS : this.#peakRunning,
      peakTokens: Math.round(this.#peakTokens),
      peakAtS: this.#peakAtS,
      peakRunning: this.#peakRunning,
      tokensAtBinEnd: this.#tokensAtBinEnd,
    };
  }

  #advance(timeS: number): void {
    const slope = this.#running * this.#rate;
    for (;;) {
      const binEndS = this.#binEndsS[this.#tokensAtBinEnd.length];
      if (binEndS === undefined || binEndS >= timeS) break;
      const sinceS = Math.max(0, binEndS - this.#timeS);
      this.#tokensAtBinEnd.push(Math.round(this.#tokens + slope * sinceS));
    }
    const countedS = Math.max(0, Math.min(timeS, this.#lastS) - this.#timeS);
    this.#tokenSeconds += (this.#tokens + (slope * countedS) / 2) * countedS;
    this.#runningSeconds += this.#running * countedS;
    this.#tokens += slope * (timeS - this.#timeS);
    this.#timeS = timeS;
  }

  #notePeak(): void {
    if (this.#tokens <= this.#peakTokens) return;
    this.#peakTokens = this.#tokens;
    this.#peakAtS = this.#timeS;
  }
}

/** Returns the indices of `values` in ascending order of value. */
function orderBy(values: Float64Array): Int32Array {
  return Int32Array.from({ length: values.length }, (_, index) => index).toSorted(
    (a, b) => at(values, a) - at(values, b) || a - b,
  );
}

function at(values: ArrayLike<number>, index: number): number {
  return values[index] as number;
}
