import { mean } from '../../../harness/base/stats.ts';
import { compareStacks, comparedMetrics } from '../../../harness/metrics/compare.ts';
import {
  comparedValue,
  comparedValues,
  type ComparedValues,
} from '../../../harness/metrics/compared-values.ts';
import type { ComparedMetricKey } from '../../../harness/metrics/metrics.ts';
import { share, tie } from '../../../harness/metrics/paired-interval.ts';
import type { ComparedCell } from '../../../harness/metrics/paired-run.ts';
import type { Comparison } from '../../../harness/metrics/results.ts';
import { compareTwoFidelity } from '../../../harness/metrics/two-fidelity.ts';
import { CellRunner } from './cells.ts';
import { ties, type Truth } from './truths.ts';

/** How many seeds a study takes. */
export interface StudySize {
  /** Seeds that are measured and simulated: every one of them is a trial with one seed, every three are one with three. */
  readonly numTrialSeeds: number;
  /** Seeds of which each trial takes some that are only simulated, and how many it takes. */
  readonly numFurtherSeeds: number;
  readonly numFurtherTaken: number;
  /** Measured seeds whose mean is the truth. */
  readonly numTruthSeeds: number;
}

/** What one trial says of one stack on one metric, as shares of the two. */
export interface Trial {
  /** Tells apart the trials of a load; those of one family are told the same. */
  readonly family: string;
  readonly metric: ComparedMetricKey;
  readonly numMeasured: number;
  readonly isTie: boolean;
  readonly truth: number;
  readonly estimate: Told;
  /** From the measured cells alone, as without a simulator; of some trials only, because its resamples take long. */
  readonly measuredOnly: Told | undefined;
}

/** Ends are `NaN` where there is no interval. */
export interface Told {
  readonly low: number;
  readonly high: number;
  readonly verdict: Comparison['verdict'];
}

interface LoadCells {
  /** By the number of the trial's seed. */
  readonly measured: readonly (readonly ComparedCell[])[];
  readonly twins: readonly (readonly ComparedCell[])[];
  readonly further: readonly (readonly ComparedValues[])[];
  readonly truths: ReadonlyMap<string, ReadonlyMap<ComparedMetricKey, number>>;
}

const firstFurther = 1_000;
const firstTruth = 5_000;

/** Every trial that a load gives, with one and with three measured seeds. */
export async function trialsOf(truth: Truth, name: string, size: StudySize): Promise<Trial[]> {
  const cells = await runCells(truth, size);
  return [1, 3].flatMap((numMeasured) => {
    const starts = Array.from(
      { length: Math.floor(size.numTrialSeeds / numMeasured) },
      (_, i) => i * numMeasured,
    );
    return starts.flatMap((start) => trial(truth, cells, { name, start, numMeasured, size }));
  });
}

async function runCells({ config, machine, baseline }: Truth, size: StudySize): Promise<LoadCells> {
  const runner = new CellRunner(config);
  const names = config.stacks.map((stack) => stack.name);
  const ofSeed = async (run: (name: string) => Promise<ComparedCell>, some = names) => {
    const cells: ComparedCell[] = [];
    for (const name of some) cells.push(await run(name));
    return cells;
  };
  const measured: ComparedCell[][] = [];
  const twins: ComparedCell[][] = [];
  for (let seed = 1; seed <= size.numTrialSeeds; seed += 1) {
    measured.push(await ofSeed((name) => runner.measured(name, seed, machine)));
    twins.push(await ofSeed((name) => runner.simulated(name, seed)));
  }
  const further: ComparedValues[][] = [];
  for (let k = 0; k < size.numFurtherSeeds; k += 1) {
    further.push((await ofSeed((name) => runner.simulated(name, firstFurther + k))).map(comparedValues));
  }
  const real: ComparedValues[][] = [];
  const others = names.filter((name) => !ties.includes(name));
  for (let k = 0; k < size.numTruthSeeds; k += 1) {
    const cellsOfSeed = await ofSeed((name) => runner.measured(name, firstTruth + k, machine), others);
    real.push(cellsOfSeed.map(comparedValues));
  }
  return { measured, twins, further, truths: truthsOf(real, names, baseline) };
}

/** Mean shares of each stack over many measured seeds; those of the ties are known. */
function truthsOf(real: readonly (readonly ComparedValues[])[], names: readonly string[], baseline: string) {
  const truthOn = (name: string, metric: ComparedMetricKey): number => {
    if (ties.includes(name)) return tie;
    const shares = real.map((cells) => {
      const of = (policy: string) => cells.find((cell) => cell.policy === policy);
      const [own, other] = [of(name), of(baseline)];
      if (own === undefined || other === undefined) return Number.NaN;
      return share({ value: comparedValue(own, metric), baseline: comparedValue(other, metric) });
    });
    return mean(shares.filter((one) => !Number.isNaN(one))) ?? Number.NaN;
  };
  return new Map(
    names.map((name) => [name, new Map(comparedMetrics.map((metric) => [metric, truthOn(name, metric)]))]),
  );
}

interface TrialAbout {
  readonly name: string;
  readonly start: number;
  readonly numMeasured: number;
  readonly size: StudySize;
}

function trial(
  { baseline }: Truth,
  { measured, twins, further, truths }: LoadCells,
  { name, start, numMeasured, size }: TrialAbout,
): Trial[] {
  const own = measured.slice(start, start + numMeasured).flat();
  const taken = Array.from(
    { length: size.numFurtherTaken },
    (_, k) => further[(start * 7 + k) % further.length] ?? [],
  ).flat();
  const input = { measured: own, twins: twins.slice(start, start + numMeasured).flat(), simulated: taken };
  const comparedAlone = start % 6 === 0 ? compareStacks(own, baseline) : [];
  const alone = new Map(comparedAlone.map((one) => [`${one.policy} ${one.metric}`, one]));
  return compareTwoFidelity(input, baseline).flatMap((comparison): Trial[] => {
    const metric = comparisonMetric(comparison);
    const truth = truths.get(comparison.policy)?.get(metric) ?? Number.NaN;
    const measuredOnly = alone.get(`${comparison.policy} ${metric}`);
    if (Number.isNaN(truth)) return [];
    return [
      {
        family: `${name} ${start} ${numMeasured} ${metric}`,
        metric,
        numMeasured,
        isTie: ties.includes(comparison.policy),
        truth,
        estimate: toldBy(comparison),
        measuredOnly: measuredOnly && toldBy(measuredOnly),
      },
    ];
  });
}

function comparisonMetric({ metric }: Comparison): ComparedMetricKey {
  return metric as ComparedMetricKey;
}

function toldBy({ ratio_low: low, ratio_high: high, verdict }: Comparison): Told {
  if (low === null && high === null) return { low: Number.NaN, high: Number.NaN, verdict };
  return { low: shareOfRatio(low), high: shareOfRatio(high), verdict };
}

/** `null` is a ratio without bound. */
function shareOfRatio(ratio: number | null): number {
  return ratio === null ? 1 : ratio / (1 + ratio);
}
