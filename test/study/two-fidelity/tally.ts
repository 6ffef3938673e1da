import { mean, quantileOfSorted, sorted } from '../../../harness/base/stats.ts';
import type { ComparedMetricKey } from '../../../harness/metrics/metrics.ts';
import { tie } from '../../../harness/metrics/paired-interval.ts';
import type { Told, Trial } from './trials.ts';

/** Shares are of 1; `NaN` of nothing. */
export interface StudyRow {
  readonly metric: ComparedMetricKey;
  readonly numMeasured: number;
  readonly numTrials: number;
  /** Of the 95 % intervals, those that hold the truth. */
  readonly coverage: number;
  readonly measuredOnlyCoverage: number;
  /** Of the ties, those whose interval leaves out the tie, and of the families with ties those with a verdict on one. */
  readonly falseIntervals: number;
  readonly falseFamilies: number;
  /** Of all stacks, those whose verdict is the wrong way around. */
  readonly wrongWay: number;
  /** Median width as a share of that from the measured cells alone, and of the shares' whole range. */
  readonly relativeWidth: number;
  readonly width: number;
  /** Of the stacks that differ by 15 % or more, those with the right verdict. */
  readonly power: number;
  readonly measuredOnlyPower: number;
}

/** In shares, so 8 % of half: a ratio below 0.85 or above 1.18. */
const smallestDifference = 0.04;

export function rowOf(trials: readonly Trial[], metric: ComparedMetricKey, numMeasured: number): StudyRow {
  const own = trials.filter((one) => one.metric === metric && one.numMeasured === numMeasured);
  const tied = own.filter(({ isTie }) => isTie);
  const different = own.filter(isDifferent);
  const pairs = own.flatMap(({ measuredOnly, ...one }) =>
    measuredOnly === undefined ? [] : [{ ...one, measuredOnly }],
  );
  const families = new Set(tied.map(({ family }) => family));
  const wrong = new Set(tied.filter(({ estimate }) => isCalled(estimate)).map(({ family }) => family));
  return {
    metric,
    numMeasured,
    numTrials: own.length,
    coverage: shareOf(own, ({ estimate, truth }) => holds(estimate, truth)),
    measuredOnlyCoverage: shareOf(pairs, ({ measuredOnly, truth }) => holds(measuredOnly, truth)),
    falseIntervals: shareOf(tied, ({ estimate }) => !holds(estimate, tie)),
    falseFamilies: wrong.size / families.size,
    wrongWay: shareOf(
      own,
      (one) => isCalled(one.estimate) && !one.isTie && !isRight(one.estimate, one.truth),
    ),
    relativeWidth: median(
      pairs.map(({ estimate, measuredOnly }) => widthOf(estimate) / widthOf(measuredOnly)),
    ),
    width:
      mean(own.map(({ estimate }) => widthOf(estimate)).filter((width) => !Number.isNaN(width))) ??
      Number.NaN,
    power: shareOf(different, ({ estimate, truth }) => isRight(estimate, truth)),
    measuredOnlyPower: shareOf(pairs.filter(isDifferent), ({ measuredOnly, truth }) =>
      isRight(measuredOnly, truth),
    ),
  };
}

function isDifferent({ truth }: Pick<Trial, 'truth'>): boolean {
  return Math.abs(truth - tie) >= smallestDifference;
}

/** No interval holds everything; ends are rounded as ratios. */
function holds({ low, high }: Told, truth: number): boolean {
  return !(truth < low - 1e-9) && !(truth > high + 1e-9);
}

function widthOf({ low, high }: Told): number {
  return high - low;
}

function isCalled({ verdict }: Told): boolean {
  return verdict !== 'cannot tell';
}

/** A verdict on the side where the truth is. */
function isRight(told: Told, truth: number): boolean {
  return isCalled(told) && (told.low + told.high) / 2 < tie === truth < tie;
}

function shareOf<T>(items: readonly T[], isCounted: (item: T) => boolean): number {
  return items.filter(isCounted).length / items.length;
}

function median(values: readonly number[]): number {
  return quantileOfSorted(sorted(values.filter(Number.isFinite)), 0.5) ?? Number.NaN;
}

const percent = (value: number): string => (Number.isNaN(value) ? '-' : (100 * value).toFixed(1));

export function formatRows(rows: readonly StudyRow[]): string {
  const heads = [
    'metric',
    'measured seeds',
    'trials',
    'coverage %',
    '(measured only)',
    'ties: interval %',
    'ties: family %',
    'wrong way %',
    'width',
    'of measured only',
    'power %',
    '(measured only)',
  ];
  const lines = rows.map((row) => [
    row.metric,
    row.numMeasured,
    row.numTrials,
    percent(row.coverage),
    percent(row.measuredOnlyCoverage),
    percent(row.falseIntervals),
    percent(row.falseFamilies),
    percent(row.wrongWay),
    row.width.toFixed(3),
    Number.isNaN(row.relativeWidth) ? '-' : row.relativeWidth.toFixed(2),
    percent(row.power),
    percent(row.measuredOnlyPower),
  ]);
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
