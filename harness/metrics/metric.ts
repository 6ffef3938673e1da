import type { TalliedClass, TalliedRequests, TalliedResample, TalliedRun } from './tallied.ts';

export type Unit =
  | 'ms'
  | 's'
  | 'ms/token'
  | 'req/s'
  | 'tok/s'
  | 'ratio'
  | 'bytes'
  | 'requests'
  | 'tokens'
  | 'count';

/** What a reader is told about a metric. */
export interface Metric {
  readonly label: string;
  readonly unit: Unit;
  /** How the metric is computed, in one sentence. Times are on the cell's clock. */
  readonly formula: string;
  /** Which values are better. Counts that only describe a run are better neither way. */
  readonly better: 'lower' | 'higher' | 'neither';
  /** When the value is `null`; not given for a metric that always has a value. */
  readonly undefinedWhen?: string | undefined;
  /** Requests, tokens, bytes and counts are whole numbers, unless this says otherwise. */
  readonly isWhole?: false;
  /** Which of the report's tables it is a column of: that of key figures, or the one of far percentiles beside it. */
  readonly table?: 'key' | 'tail';
  /** The head of its column where the label does not fit: in the two lines of a narrow column, and on a page. */
  readonly heads?: { readonly narrow: readonly [string, string]; readonly wide: string };
}

/** How the number is computed. It may be `null` only for a metric that says when it is undefined. */
export type Computed<From> =
  | { readonly undefinedWhen?: undefined; readonly compute: (from: From) => number }
  | { readonly undefinedWhen: string; readonly compute: (from: From) => number | null };

/**
 * `perClass`: each class of requests has it as well. `compared`: policies are compared on it, with resamples of the
 * `requests`, or with one number for each of the `seeds`. What it may be computed from follows.
 */
type Uses =
  | ({ readonly perClass?: undefined; readonly compared?: undefined } & Computed<TalliedRun>)
  | ({ readonly perClass: true; readonly compared?: undefined } & Computed<TalliedClass>)
  | ({
      readonly perClass?: undefined;
      readonly compared: 'seeds';
      readonly better: Way;
    } & Computed<TalliedRun>)
  | ({ readonly perClass: true; readonly compared: 'seeds'; readonly better: Way } & Computed<TalliedClass>)
  | ({
      readonly perClass?: undefined;
      readonly compared: 'requests';
      readonly better: Way;
    } & Computed<TalliedResample>)
  | ({
      readonly perClass: true;
      readonly compared: 'requests';
      readonly better: Way;
    } & Computed<TalliedRequests>);

type Way = 'lower' | 'higher';

/** A metric with all that is known of it: the only place where it is defined. */
export type MetricDeclaration = Metric & Uses;

/** Declared metrics, by their keys in `summary.json` and in the order that they have there. */
export type MetricDeclarations = Readonly<Record<string, MetricDeclaration>>;
