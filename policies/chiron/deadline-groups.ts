/** Batch requests that wait and must begin at about the same time. */
export interface DeadlineGroup {
  /** Of the most urgent of them, in microseconds of virtual time. */
  deadlineUs: number;
  /** Tokens that all of them are expected to generate, and the variance of that sum. */
  tokens: number;
  variance: number;
}

/**
 * Collects requests by spans of time; in order of deadline. A fixed grid, so that a queue is gone through once and
 * not sorted.
 */
export class DeadlineGroups {
  readonly #spanUs: number;
  readonly #bySpan = new Map<number, DeadlineGroup>();

  constructor(spanUs: number) {
    this.#spanUs = spanUs;
  }

  /** One more request of so many expected tokens, with their variance; lengths do not depend on each other. */
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

/** Who works on the queue. */
export interface Service {
  readonly nowUs: number;
  /** Of one instance that does nothing else. */
  readonly tokensPerUs: number;
  /** Instances that serve batch requests now; a part of one where it serves others as well. */
  readonly numServing: number;
  /** Time until an instance that is asked for now serves, and for how long it must be of use at least. */
  readonly startUs: number;
  readonly intervalUs: number;
  /** Standard deviations by which the tokens that are ahead are estimated above their mean. */
  readonly deviations: number;
}

/**
 * Chiron's BBP: groups whose estimated wait is past their deadline. The wait is QLM's estimate (arXiv 2407.00047), tokens
 * of all that is ahead and of the group itself over the throughput of the instances. Their sum is nearly normal, by the
 * central limit theorem: it is taken some deviations above its mean, which matter less the longer the queue is.
 * Deadlines are moments and not spans, and groups with earlier ones are ahead. An instance that is still to start is
 * no use before it has.
 *
 * Where even an instance asked for now comes too late, what counts is that it clears the group in an interval of
 * its service: a deadline that cannot be met is no reason to ask for all the instances there are, nor to ask for
 * none.
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

/** Fewest starting instances with which no group is late, up to `max`. */
export function instancesToStart(groups: readonly DeadlineGroup[], service: Service, max: number): number {
  let numStarting = 0;
  while (numStarting < max && countLate(groups, service, numStarting) > 0) numStarting += 1;
  return numStarting;
}
