import type { Params } from './params.ts';
import type { Window } from './windows.ts';

type Rule = Pick<Params, 'alpha' | 'increase' | 'minBatch' | 'throughputSmoothing' | 'throughputTolerance'>;

/** The state of an instance at the end of a measurement window. */
export interface Situation {
  readonly window: Window;
  /**
   * The tightest target for the time between tokens, in microseconds, among the classes that run there;
   * undefined if none has a target.
   */
  readonly targetGapUs: number | undefined;
  readonly numRunning: number;
  /** The largest allowed batch size: the engine's own limit on running requests. */
  readonly maxBatch: number;
}

/**
 * Lower bound of a back-pressure before something is divided by it, so that an idle instance does not grow
 * without bound.
 */
const leastPressure = 0.01;

/**
 * Latency back-pressure assumed for requests without a target: half of the value at which the batch size is
 * halved.
 */
const untargetedPressure = 0.5;

/**
 * Chiron's local autoscaler: adapts the batch size of one instance to its back-pressure, the larger of two
 * ratios.
 *
 * - Latency: observed time between tokens divided by its target.
 * - Throughput: tokens per second of the previous window divided by those of this one, both smoothed. It is
 *   compared only between two windows in which the batch size was binding, that is, requests waited because
 *   of it or as many ran as it allows. Otherwise the ratio reflects fluctuations of the load, and halving
 *   whenever it exceeds 1 would end at a batch size of 1. For the same reason a ratio near 1 counts only
 *   after the size has grown: it then shows that the growth gained nothing.
 *
 * At a back-pressure of 1 or more the batch size is halved. It is not changed again before the number of
 * running requests has fallen to it, because running requests are not stopped. Below 1 it grows as `increase`
 * says, provided that it was binding. A window without measurements changes nothing.
 */
export class BatchSize {
  readonly #rule: Rule;
  /** The batch size before rounding down, so that increments below 1 add up. */
  #size: number;
  /**
   * Smoothed throughput of the last window in tokens per microsecond; undefined if the batch size was not
   * binding in it.
   */
  #throughput: number | undefined;
  /** Whether the last adaptation raised the rounded batch size. */
  #hasGrown = false;
  /** Token gaps caused by evictions, in microseconds, that have not been subtracted from a window yet. */
  #excusedUs = 0;

  constructor(rule: Rule, initialSize: number) {
    this.#rule = rule;
    this.#size = initialSize;
  }

  /** The batch size: the number of requests that may run. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /**
   * Registers that a request resumed after `gapUs` microseconds in host memory. The gap before its next token
   * is not caused by the batch size, so it is subtracted from the next windows.
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

  /** The back-pressure from which throughput counts as fallen, after allowing for `throughputTolerance`. */
  get #fallen(): number {
    return 1 / (1 - this.#rule.throughputTolerance);
  }

  #halve(): void {
    this.#size = Math.max(this.#rule.minBatch, this.#size / 2);
    // Fewer requests produce fewer tokens; that drop must not cause a second halving.
    this.#throughput = undefined;
  }

  #grown(pressure: number): number {
    const { alpha, increase } = this.#rule;
    if (increase === 'additive') return this.#size + alpha / pressure;
    return (alpha * this.#size) / pressure + (1 - alpha) * this.#size;
  }

  /** Returns undefined if the window had no token gaps to measure. */
  #latencyPressure({ window, targetGapUs }: Situation): number | undefined {
    const excusedUs = Math.min(this.#excusedUs, window.tokenGapSumUs);
    this.#excusedUs -= excusedUs;
    if (targetGapUs === undefined) return untargetedPressure;
    if (window.numTokenGaps === 0) return undefined;
    return (window.tokenGapSumUs - excusedUs) / window.numTokenGaps / targetGapUs;
  }

  /** Returns 0 if there is no previous window to compare with, or if the ratio is inconclusive. */
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
