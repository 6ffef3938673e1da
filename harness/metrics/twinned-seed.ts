import { mean } from '../base/stats.ts';
import { comparedValue, type ComparedValues } from './compared-values.ts';
import type { ComparedMetricKey, ResampledMetricKey } from './metrics.ts';
import { resampledMetricKeys, seedMetricKeys } from './metrics.ts';
import { share, varianceOf } from './paired-interval.ts';
import { type ComparedCell, SharedRequests } from './paired-run.ts';
import type { CellSummary } from './results.ts';

/** A metric of a cell that was measured, and of the same cell when it was simulated. */
export interface Twinned<T> {
  readonly measured: T;
  readonly twin: T;
}

/** Enough for a variance that is told within a tenth. */
const numResamples = 200;

/** The cells of one seed, each measured and simulated: the same requests in all of them. */
export class TwinnedSeed {
  readonly #cells: ReadonlyMap<string, Twinned<ComparedCell>>;
  readonly #values: ReadonlyMap<ComparedMetricKey, ReadonlyMap<string, Twinned<number>>>;
  readonly #resampled = new Map<string, ReadonlyMap<ComparedMetricKey, number>>();

  /** The cells by the names of their stacks, and what simulations of this seed gave, several of a stack perhaps. */
  constructor(cells: ReadonlyMap<string, Twinned<ComparedCell>>, draws: readonly ComparedValues[] = []) {
    this.#cells = cells;
    this.#values = withDraws(valuesOfAll(cells), draws);
  }

  has(policy: string): boolean {
    return this.#cells.has(policy);
  }

  /** The metric by the names of the stacks, of those where it is defined. */
  valuesOf(metric: ComparedMetricKey): ReadonlyMap<string, Twinned<number>> {
    return this.#values.get(metric) ?? new Map<string, Twinned<number>>();
  }

  /** The summaries of what was measured. */
  measuredSummary(policy: string): CellSummary | undefined {
    return this.#cells.get(policy)?.measured.summary;
  }

  /**
   * Variance of the error of the simulated share, when the same blocks of requests are drawn in all four cells; `undefined`
   * for metrics with one value a seed.
   */
  resampledVariance(policy: string, baseline: string, metric: ComparedMetricKey): number | undefined {
    const key = JSON.stringify([policy, baseline]);
    const known = this.#resampled.get(key) ?? resampledVariances(this.#cells, policy, baseline);
    this.#resampled.set(key, known);
    return known.get(metric);
  }
}

function valuesOfAll(
  cells: ReadonlyMap<string, Twinned<ComparedCell>>,
): Map<ComparedMetricKey, Map<string, Twinned<number>>> {
  const names = [...cells.keys()];
  const flat = [...cells.values()].flatMap(({ measured, twin }) => [measured, twin]);
  const [first, ...rest] = flat;
  const all = new Map<ComparedMetricKey, Map<string, Twinned<number>>>();
  if (first === undefined) return all;
  const requests = new SharedRequests([first, ...rest]);
  for (const metric of resampledMetricKeys) all.set(metric, byName(names, requests.valuesOf(metric)));
  for (const metric of seedMetricKeys) {
    const values = flat.map(({ summary }): number | null => summary[metric]);
    all.set(
      metric,
      byName(
        names,
        values.map((value) => value ?? Number.NaN),
      ),
    );
  }
  return all;
}

/** The same with each twin's value the mean of the draws, where there are any. */
function withDraws(
  values: ReadonlyMap<ComparedMetricKey, ReadonlyMap<string, Twinned<number>>>,
  draws: readonly ComparedValues[],
): Map<ComparedMetricKey, Map<string, Twinned<number>>> {
  const meanOf = (policy: string, metric: ComparedMetricKey): number | undefined => {
    const drawn = draws.filter((draw) => draw.policy === policy).map((draw) => comparedValue(draw, metric));
    return mean(drawn.filter((value) => !Number.isNaN(value)));
  };
  return new Map(
    [...values].map(([metric, named]) => [
      metric,
      new Map(
        [...named].map(([policy, { measured, twin }]) => [
          policy,
          { measured, twin: meanOf(policy, metric) ?? twin },
        ]),
      ),
    ]),
  );
}

/** From values that alternate between measured and twin; undefined ones are left out. */
function byName(names: readonly string[], values: readonly number[]): Map<string, Twinned<number>> {
  const named = new Map<string, Twinned<number>>();
  for (const [index, name] of names.entries()) {
    const [measured = Number.NaN, twin = Number.NaN] = values.slice(2 * index, 2 * index + 2);
    if (!Number.isNaN(measured) && !Number.isNaN(twin)) named.set(name, { measured, twin });
  }
  return named;
}

function resampledVariances(
  cells: ReadonlyMap<string, Twinned<ComparedCell>>,
  policy: string,
  baseline: string,
): Map<ComparedMetricKey, number> {
  const [own, other] = [cells.get(policy), cells.get(baseline)];
  const variances = new Map<ComparedMetricKey, number>();
  if (own === undefined || other === undefined) return variances;
  const requests = new SharedRequests([other.measured, own.measured, other.twin, own.twin]);
  const errors = new Map(resampledMetricKeys.map((metric): [ResampledMetricKey, number[]] => [metric, []]));
  for (let resample = 0; resample < numResamples; resample += 1) {
    requests.resample();
    for (const [metric, drawn] of errors) drawn.push(errorOfShare(requests.valuesOf(metric)));
  }
  for (const [metric, drawn] of errors) {
    const variance = varianceOf(drawn);
    if (variance !== undefined) variances.set(metric, variance);
  }
  return variances;
}

/** The measured share less the simulated one, from baseline and policy measured, baseline and policy simulated. */
function errorOfShare(values: readonly number[]): number {
  const [baseline = Number.NaN, value = Number.NaN, twinBaseline = Number.NaN, twin = Number.NaN] = values;
  return share({ value, baseline }) - share({ value: twin, baseline: twinBaseline });
}
