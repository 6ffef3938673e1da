import type { Params } from './params.ts';
import type { Window } from './windows.ts';

type Rule = Pick<Params, 'alpha' | 'increase' | 'minBatch' | 'throughputSmoothing' | 'throughputTolerance'>;

/** How the instance stood at the end of the window. */
export interface Situation {
  readonly window: Window;
  /** Tightest target for the time between tokens among the classes that run there; `undefined` without one. */
  readonly targetGapUs: number | undefined;
  readonly numRunning: number;
  /** Largest batch size: the engine's limit. */
  readonly maxBatch: number;
}

/** Below this a back-pressure says "far away" and no more: nothing is divided by less. */
const leastPressure = 0.01;

/** Taken for the latency of requests without a target: half of what would be too much. */
const untargetedPressure = 0.5;

/**
 * Chiron's local autoscaler: the batch size of one instance by back-pressure, the larger of two ratios.
 *
 * - Latency: observed time between tokens over its target.
 * - Throughput: tokens per second before over those of now, both smoothed. It means something only between two
 *   windows in which the batch size was binding: it kept requests waiting, or as many ran as it allows, so that others
 *   went elsewhere. Otherwise it is the noise of the load, and halving at every second ratio above 1 would end at a
 *   batch size of 1. For the same reason a ratio about 1 says something only after the size has grown: that it has
 *   brought nothing.
 *
 * At 1 or more the batch size is halved, and not again before that has taken effect, since requests that run are
 * not stopped. Below 1 it grows as `increase` says, if it was binding: a size that nothing ran into says nothing about
 * a larger one. What has not been measured changes nothing.
 */
export class BatchSize {
  readonly #rule: Rule;
  /** Not rounded, so that small steps add up. */
  #size: number;
  /** Smoothed tokens per microsecond of the last window, if the batch size was binding in it. */
  #throughput: number | undefined;
  /** Whether one request more may run since then. */
  #hasGrown = false;
  /** Gaps between tokens that are not the instance's doing, and not yet taken off. */
  #excusedUs = 0;

  constructor(rule: Rule, initialSize: number) {
    this.#rule = rule;
    this.#size = initialSize;
  }

  /** Requests that may run. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /**
   * A request that was in host memory for so long runs here again: the gap before its next token is no sign of a
   * batch too large.
   */
  excuse(gapUs: number): void {
    this.#excusedUs += gapUs;
  }

  adapt(situation: Situation): void {
    const { window, numRunning, maxBatch } = situation;
    if (window.generatedTokens === 0) return;
    const isInEffect = numRunning <= this.size;
    const isReached = numRunning === this.size || 2 * window.numCappedSteps >= window.numSteps;
    const isBinding = isInEffect && isReached;
    const latency = this.#latencyPressure(situation);
    const throughput = this.#throughputPressure(window, isBinding);
    if (!isInEffect || latency === undefined) return;
    const pressure = Math.max(leastPressure, latency, throughput);
    const before = this.size;
    if (latency >= 1 || throughput >= this.#fallen) this.#halve();
    else if (isBinding && pressure < 1) this.#size = Math.min(maxBatch, this.#grown(pressure));
    this.#hasGrown = this.size > before;
  }

  /** Back-pressure from which throughput counts as fallen. */
  get #fallen(): number {
    return 1 / (1 - this.#rule.throughputTolerance);
  }

  #halve(): void {
    this.#size = Math.max(this.#rule.minBatch, this.#size / 2);
    // Fewer requests bring fewer tokens: that is no reason to halve again.
    this.#throughput = undefined;
  }

  #grown(pressure: number): number {
    const { alpha, increase } = this.#rule;
    if (increase === 'additive') return this.#size + alpha / pressure;
    return (alpha * this.#size) / pressure + (1 - alpha) * this.#size;
  }

  /** `undefined` where it has not been measured. */
  #latencyPressure({ window, targetGapUs }: Situation): number | undefined {
    const excusedUs = Math.min(this.#excusedUs, window.tokenGapSumUs);
    this.#excusedUs -= excusedUs;
    if (targetGapUs === undefined) return untargetedPressure;
    if (window.numTokenGaps === 0) return undefined;
    return (window.tokenGapSumUs - excusedUs) / window.numTokenGaps / targetGapUs;
  }

  /** 0 where there is nothing to compare, or nothing to conclude. */
  #throughputPressure({ generatedTokens, lengthUs }: Window, isBinding: boolean): number {
    const before = this.#throughput;
    if (!isBinding) {
      this.#throughput = undefined;
      return 0;
    }
    const weight = this.#rule.throughputSmoothing;
    const latest = generatedTokens / lengthUs;
    const now = before === undefined ? latest : weight * latest + (1 - weight) * before;
    this.#throughput = now;
    const pressure = before === undefined ? 0 : before / now;
    return this.#hasGrown || pressure >= this.#fallen ? pressure : 0;
  }
}
