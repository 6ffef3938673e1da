/** Waiting batch requests whose deadlines are close together, treated as one. */
export interface DeadlineGroup {
  /** The earliest deadline in the group, in microseconds of virtual time. */
  deadlineUs: number;
  /** Expected number of tokens that all its requests will generate, and the variance of that sum. */
  tokens: number;
  variance: number;
}

/**
 * Collects requests into deadline groups on a fixed time grid, so that a queue of any length is walked once
 * and never sorted.
 */
export class DeadlineGroups {
  readonly #spanUs: number;
  readonly #bySpan = new Map<number, DeadlineGroup>();

  constructor(spanUs: number) {
    this.#spanUs = spanUs;
  }

  /**
   * Adds a request with its expected number of tokens and their variance. Variances add up because answer
   * lengths are independent of each other.
   */
  add(deadlineUs: number, tokens: number, variance: number): void {
    const span = Math.floor(deadlineUs / this.#spanUs);
    const group = this.#bySpan.get(span);
    if (group === undefined) {
      this.#bySpan.set(span, { deadlineUs, tokens, variance });
      return;
    }
    group.deadlineUs = Math.min(group.deadlineUs, deadlineUs);
    group.tokens += tokens;
    group.variance += variance;
  }

  inOrder(): readonly DeadlineGroup[] {
    return [...this.#bySpan.values()].toSorted((a, b) => a.deadlineUs - b.deadlineUs);
  }
}

/** The capacity that serves the waiting batch requests. */
export interface Service {
  readonly nowUs: number;
  /** Tokens per microsecond of one instance that serves batch requests only. */
  readonly tokensPerUs: number;
  /** Instances that serve batch requests now; an instance that also serves others counts as a fraction. */
  readonly numServing: number;
  /**
   * Time until an instance requested now would serve, and the shortest time for which it should be useful
   * afterwards, in microseconds.
   */
  readonly startUs: number;
  readonly intervalUs: number;
  /** Number of standard deviations above the mean at which the tokens ahead are estimated. */
  readonly deviations: number;
}

/**
 * Chiron's batch back-pressure: counts the deadline groups whose estimated wait exceeds their deadline, if
 * `numStarting` instances are requested now. The wait is QLM's estimate (arXiv 2407.00047): the tokens of all
 * earlier groups and of the group itself divided by the throughput of the instances. By the central limit
 * theorem the sum of tokens is nearly normal; it is estimated `deviations` standard deviations above its
 * mean, a margin that shrinks relative to the sum as the queue grows. Groups are in order of deadline, and an
 * instance contributes only after it has started.
 *
 * A deadline that even a new instance cannot meet is replaced by the end of that instance's first interval of
 * service. So a hopeless deadline asks neither for all possible instances nor for none.
 */
export function countLate(groups: readonly DeadlineGroup[], service: Service, numStarting: number): number {
  const { nowUs, tokensPerUs, numServing, startUs, intervalUs, deviations } = service;
  let numLate = 0;
  let meanAhead = 0;
  let varianceAhead = 0;
  for (const { deadlineUs, tokens, variance } of groups) {
    meanAhead += tokens;
    varianceAhead += variance;
    const tokensAhead = meanAhead + deviations * Math.sqrt(varianceAhead);
    const leftUs = Math.max(deadlineUs - nowUs, startUs + intervalUs);
    const instanceUs = numServing * leftUs + numStarting * (leftUs - startUs);
    if (instanceUs * tokensPerUs < tokensAhead) numLate += 1;
  }
  return numLate;
}

/** Returns the smallest number of starting instances, at most `max`, with which no group is late. */
export function instancesToStart(groups: readonly DeadlineGroup[], service: Service, max: number): number {
  let numStarting = 0;
  while (numStarting < max && countLate(groups, service, numStarting) > 0) numStarting += 1;
  return numStarting;
}
