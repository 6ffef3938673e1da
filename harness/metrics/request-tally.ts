import { InvariantError } from '../base/errors.ts';
import type { EndStatus, RequestRecord } from '../core/observer.ts';
import type { RequestClass } from '../domain/workload.ts';
import { Samples } from './samples.ts';
import { byLatency, e2elUs, requestLatencies, requestLatencyNames } from './request-latencies.ts';
import type { RequestTimes } from './request-latencies.ts';
import { hasTarget, meetsSlo } from './slo.ts';
import { isInWindow, type SteadyWindow } from './steady-window.ts';

/**
 * Adds up one class of requests: counts, and each latency of every request, at eight bytes each. Times are in
 * microseconds.
 */
export class ClassTally {
  readonly requestClass: RequestClass;
  readonly ended: Record<EndStatus, number> = {
    finished: 0,
    failed: 0,
    rejected: 0,
    aborted: 0,
    unfinished: 0,
  };
  /** The values of each latency, in microseconds. */
  readonly latencies = byLatency(() => new Samples());
  numMet = 0;

  constructor(requestClass: RequestClass) {
    this.requestClass = requestClass;
  }

  get offered(): number {
    const { finished, failed, rejected, aborted, unfinished } = this.ended;
    return finished + failed + rejected + aborted + unfinished;
  }

  get hasTarget(): boolean {
    return hasTarget(this.requestClass.slo);
  }

  /** Returns the number of requests that could have met their targets: all but those that the client cancelled. */
  get eligible(): number {
    return this.offered - this.ended.aborted;
  }

  add(request: RequestTimes): void {
    this.ended[request.status] += 1;
    if (meetsSlo(request, this.requestClass.slo)) this.numMet += 1;
    for (const latency of requestLatencyNames) {
      const us = requestLatencies[latency](request);
      if (us !== undefined) this.latencies[latency].push(us);
    }
  }
}

/**
 * Adds up everything about requests that the summary needs. Where there is a window, only requests that arrive in it
 * count; throughput is of those that end in it, whenever they came.
 */
export class RequestTally {
  readonly classes: readonly ClassTally[];
  normalizedLatencySumUs = 0;
  promptTokens = 0;
  outputTokens = 0;
  /** Completed requests, and their answer tokens, for throughput. */
  numCompletedInTime = 0;
  outputTokensInTime = 0;
  generatedTokens = 0;
  numPreemptions = 0;
  numSwaps = 0;
  numMigrations = 0;
  numStalled = 0;
  stalledSumUs = 0;
  maxStalledUs = 0;
  firstArrivalUs = Number.POSITIVE_INFINITY;
  lastEndUs = 0;
  readonly window: SteadyWindow | undefined;
  readonly #byName: ReadonlyMap<string, ClassTally>;

  constructor(classes: readonly RequestClass[], window?: SteadyWindow) {
    this.window = window;
    this.classes = classes.map((requestClass) => new ClassTally(requestClass));
    this.#byName = new Map(this.classes.map((tally) => [tally.requestClass.name, tally]));
  }

  get hasTargets(): boolean {
    return this.classes.some((tally) => tally.hasTarget);
  }

  add(record: RequestRecord): void {
    const tally = this.#byName.get(record.className);
    if (tally === undefined) {
      throw new InvariantError(
        'INV-class',
        `request ${record.id} has the undeclared class "${record.className}"`,
      );
    }
    if (record.status === 'finished' && isInWindow(this.window, record.endedAtUs ?? 0)) {
      this.numCompletedInTime += 1;
      this.outputTokensInTime += record.generatedTokens;
    }
    if (!isInWindow(this.window, record.arrivedAtUs)) return;
    tally.add(record);
    this.generatedTokens += record.generatedTokens;
    this.numPreemptions += record.numPreemptions;
    this.numSwaps += record.numSwaps;
    this.numMigrations += record.numMigrations;
    if (record.stalledUs > 0) this.#addStall(record.stalledUs);
    if (record.arrivedAtUs < this.firstArrivalUs) this.firstArrivalUs = record.arrivedAtUs;
    if (record.endedAtUs !== undefined && record.endedAtUs > this.lastEndUs)
      this.lastEndUs = record.endedAtUs;
    if (record.status === 'finished') this.#addFinished(record);
  }

  #addStall(stalledUs: number): void {
    this.numStalled += 1;
    this.stalledSumUs += stalledUs;
    if (stalledUs > this.maxStalledUs) this.maxStalledUs = stalledUs;
  }

  #addFinished(record: RequestRecord): void {
    this.promptTokens += record.promptTokens;
    this.outputTokens += record.generatedTokens;
    const latencyUs = e2elUs(record);
    if (latencyUs === undefined) return;
    this.normalizedLatencySumUs += latencyUs / record.generatedTokens;
  }
}
