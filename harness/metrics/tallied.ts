import { usPerSecond } from '../base/units.ts';
import type { EndStatus } from '../core/observer.ts';
import type { ClusterTally } from './cluster-tally.ts';
import type { Histogram } from './histogram.ts';
import { latenciesOf, type Latencies, once, type Quantiles, quantilesOf } from './latencies.ts';
import type { RequestLatency } from './request-latencies.ts';
import type { ClassTally, RequestTally } from './request-tally.ts';

/** What metrics are computed from that hold for the requests of a run, of one class, and of a resample of a comparison alike. */
export interface TalliedRequests {
  readonly latencies: (of: RequestLatency) => Latencies;
  /** Whether any class of these requests has a latency target. */
  readonly hasTargets: boolean;
  /** The number of requests that finished and met every target of their class. */
  readonly numMet: number;
  /** The number of requests that could have met their targets: all but those that the client cancelled. */
  readonly numEligible: number;
}

/** What is known in addition about the requests of one class. */
export interface TalliedClass extends TalliedRequests {
  readonly offered: number;
  readonly ended: Readonly<Record<EndStatus, number>>;
}

/** What is known in addition about the requests that a resample drew (`paired-run.ts`). */
export interface TalliedResample extends TalliedRequests {
  /** Divides an amount by the duration of the run in seconds; returns `null` when the duration is zero. */
  readonly perSecond: (amount: number) => number | null;
}

/** All that was added up during a run. Times are in microseconds, except for those in `Latencies`. */
export interface TalliedRun extends TalliedClass, TalliedResample {
  /** The time from the first arrival to the end of the last request, 0 when there was no request; or that of the window. */
  readonly durationUs: number;
  readonly requests: RequestTally;
  readonly cluster: ClusterTally;
  /** The times between two consecutive tokens of a request, for all requests together. */
  readonly tokenGaps: Quantiles;
  /** How long each migrating request was stopped for its migration. */
  readonly migrationDowntime: Latencies;
  readonly numDecisionsRejected: number;
  readonly totals: RunTotals;
}

/** Figures that only the core knows, and only at the end of a run. */
export interface RunTotals {
  readonly id: string;
  /** The name of the policy stack. */
  readonly policy: string;
  readonly seed: number;
  /** The virtual time at which the run ended, either with its last request or because it was cut off. */
  readonly endedAtUs: number;
  /** The sum over all instances of the time from when the instance was asked for until it was released or the run ended. */
  readonly instanceUs: number;
  /** The number of tokens that the replay confirmed; `null` where nothing was replayed. */
  readonly verifiedTokens: number | null;
  /**
   * Figures that the policies report about themselves, under keys of the form `policy.figure`; `null` where a figure is
   * undefined.
   */
  readonly policyStats: Readonly<Record<string, number | null>>;
}

/** The tallies that the recorder keeps while the run goes on. */
export interface Tallies {
  readonly requests: RequestTally;
  readonly cluster: ClusterTally;
  readonly tokenGaps: Histogram;
  readonly numDecisionsRejected: number;
}

/** Puts together what metrics of a whole run are computed from. */
export function talliedRun(tallies: Tallies, totals: RunTotals): TalliedRun {
  const { requests, cluster, tokenGaps, numDecisionsRejected } = tallies;
  const all = talliedClasses(requests.classes);
  const durationUs = durationOf(requests, all, totals);
  return {
    ...all,
    durationUs,
    perSecond: (amount) => ratio(amount * usPerSecond, durationUs),
    requests,
    cluster,
    tokenGaps: quantilesOf(tokenGaps),
    migrationDowntime: latenciesOf([cluster.migrationDowntime]),
    numDecisionsRejected,
    totals,
  };
}

/** Puts the requests of several classes together. Each latency is sorted when it is first asked for. */
export function talliedClasses(classes: readonly ClassTally[]): TalliedClass {
  const endedAs = (status: EndStatus) => sum(classes, (tally) => tally.ended[status]);
  return {
    latencies: once((of) => latenciesOf(classes.map((tally) => tally.latencies[of]))),
    hasTargets: classes.some((tally) => tally.hasTarget),
    numMet: sum(classes, (tally) => tally.numMet),
    numEligible: sum(classes, (tally) => tally.eligible),
    offered: sum(classes, (tally) => tally.offered),
    ended: {
      finished: endedAs('finished'),
      failed: endedAs('failed'),
      rejected: endedAs('rejected'),
      aborted: endedAs('aborted'),
      unfinished: endedAs('unfinished'),
    },
  };
}

/** A window lasts as long as it is wide, or to the end of the run. */
function durationOf(requests: RequestTally, all: TalliedClass, totals: RunTotals): number {
  const { window, firstArrivalUs } = requests;
  if (window !== undefined) return Math.max(0, Math.min(window.endUs, totals.endedAtUs) - window.startUs);
  return all.offered === 0 ? 0 : lastEndUs(requests, all, totals) - firstArrivalUs;
}

/** Returns when the last request ended. For the duration of the run, a request that is still open ends with the run. */
function lastEndUs(requests: RequestTally, { ended }: TalliedClass, totals: RunTotals): number {
  const { lastEndUs: knownEndUs, firstArrivalUs } = requests;
  return Math.max(knownEndUs, ended.unfinished > 0 ? totals.endedAtUs : firstArrivalUs);
}

/** Returns the quotient, or `null` when the denominator is zero. */
export function ratio(numerator: number, denominator: number): number | null {
  return denominator === 0 ? null : numerator / denominator;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += amount(item);
  return total;
}
