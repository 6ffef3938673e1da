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
  /** Whether any of their classes has a target. */
  readonly hasTargets: boolean;
  /** Requests that finished and met every target of their class. */
  readonly numMet: number;
  /** Requests that could have: all but those that the client cancelled. */
  readonly numEligible: number;
}

/** What is known of the requests of one class beyond that. */
export interface TalliedClass extends TalliedRequests {
  readonly offered: number;
  readonly ended: Readonly<Record<EndStatus, number>>;
}

/** What is known of the requests that a resample drew (`paired-run.ts`). */
export interface TalliedResample extends TalliedRequests {
  /** The amount over the duration of the run; `null` over zero. */
  readonly perSecond: (amount: number) => number | null;
}

/** All that was added up during a run. Times in microseconds, except for those of `Latencies`. */
export interface TalliedRun extends TalliedClass, TalliedResample {
  /** Last end - first arrival; 0 without a request. */
  readonly durationUs: number;
  readonly requests: RequestTally;
  readonly cluster: ClusterTally;
  /** Gaps between two consecutive tokens of a request. */
  readonly tokenGaps: Quantiles;
  /** How long migrating requests stood still. */
  readonly migrationDowntime: Latencies;
  readonly numDecisionsRejected: number;
  readonly totals: RunTotals;
}

/** What only the core knows at the end of a run. */
export interface RunTotals {
  readonly id: string;
  /** Name of the policy stack. */
  readonly policy: string;
  readonly seed: number;
  /** Virtual time at which the run ended: the last end, or the cut-off. */
  readonly endedAtUs: number;
  /** Time of all instances, each from when it was asked for until it was given back or the run ended. */
  readonly instanceUs: number;
  /** Tokens that the replay confirmed; `null` where nothing was replayed. */
  readonly verifiedTokens: number | null;
  /** What the policies say about themselves: `policy.figure`; `null` where one is undefined. */
  readonly policyStats: Readonly<Record<string, number | null>>;
}

/** What the recorder added up. */
export interface Tallies {
  readonly requests: RequestTally;
  readonly cluster: ClusterTally;
  readonly tokenGaps: Histogram;
  readonly numDecisionsRejected: number;
}

/** The end of a run, as its metrics read it. */
export function talliedRun(tallies: Tallies, totals: RunTotals): TalliedRun {
  const { requests, cluster, tokenGaps, numDecisionsRejected } = tallies;
  const all = talliedClasses(requests.classes);
  const durationUs = all.offered === 0 ? 0 : lastEndUs(requests, all, totals) - requests.firstArrivalUs;
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

/** The requests of some classes together. Each latency is sorted when it is first asked for. */
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

/** A request that is still open ends, for the duration, with the run. */
function lastEndUs(requests: RequestTally, { ended }: TalliedClass, totals: RunTotals): number {
  const { lastEndUs: knownEndUs, firstArrivalUs } = requests;
  return Math.max(knownEndUs, ended.unfinished > 0 ? totals.endedAtUs : firstArrivalUs);
}

/** `null` over zero. */
export function ratio(numerator: number, denominator: number): number | null {
  return denominator === 0 ? null : numerator / denominator;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += amount(item);
  return total;
}
