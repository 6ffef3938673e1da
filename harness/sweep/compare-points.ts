import { mean, standardDeviation } from '../base/stats.ts';
import { isMeasuredRun, judgeStack, loadChanges, readCells, usableCells } from '../metrics/compare-runs.ts';
import { studentQuantile } from '../metrics/distributions.ts';
import { type ComparedMetricKey, metrics } from '../metrics/metrics.ts';
import type { FinishedFolder } from '../metrics/read-finished.ts';
import type { Comparison } from '../metrics/results.ts';
import { type Judged, withVerdicts } from '../metrics/verdicts.ts';
import type { Axis } from './axis.ts';
import type { Point } from './points.ts';

/** A point that has run; of the stacks that it does not change there is nothing in its folder. */
export interface RanPoint {
  readonly point: Point;
  /** `undefined` where the point changes nothing. */
  readonly folder: FinishedFolder | undefined;
}

/** The mean over the seeds with its 95 % interval (Student's t; none of these figures is negative), which one seed does not have. */
export interface SeedFigure {
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** One stack at one point. */
export interface PointFigures {
  readonly point: string;
  readonly figures: Readonly<Partial<Record<ComparedMetricKey, SeedFigure>>>;
  /** On the metric of the sweep, the point against the configuration as it is; `null` where the load is another or the stack unchanged. */
  readonly against_default: Pick<Comparison, 'ratio' | 'ratio_low' | 'ratio_high' | 'verdict'> | null;
}

/** What a sweep has found, as `sweep.json` holds it. */
export interface SweepResult {
  readonly name: string;
  readonly axes: readonly Axis[];
  /** What the best point is chosen by. */
  readonly metric: ComparedMetricKey;
  readonly seeds: readonly number[];
  readonly points: readonly Pick<Point, 'name' | 'values'>[];
  /** Those that some point changes. */
  readonly stacks: readonly StackSweep[];
}

export interface StackSweep {
  readonly stack: string;
  /** The configuration as it is. */
  readonly default: PointFigures['figures'];
  readonly points: readonly PointFigures[];
  /**
   * The point with the best mean of those that serve the same requests as the configuration as it is; `null` where that itself
   * is best, or no point has the figure.
   */
  readonly best: string | null;
}

/**
 * What the points say about every stack that they change: the figures, and on one metric whether they are surely better or worse than the
 * configuration as it is. Verdicts are corrected for all points and stacks together (Holm).
 */
export async function comparePoints(
  base: FinishedFolder,
  ran: readonly RanPoint[],
  { metric, shown }: { readonly metric: ComparedMetricKey; readonly shown: readonly ComparedMetricKey[] },
): Promise<readonly StackSweep[]> {
  const stacks = base.manifest.stacks.map(({ name }) => name);
  const changed = stacks.filter((stack) =>
    ran.some(({ folder }) => folder !== undefined && has(folder, stack)),
  );
  const comparable = ran.filter(({ folder }) => servesTheSame(base, folder));
  const verdicts = await verdictsOf(base, comparable, { stacks: changed, metric });
  return changed.map((stack) => {
    const points = ran.map(({ point, folder }): PointFigures => {
      const own = folder !== undefined && has(folder, stack) ? folder : base;
      return {
        point: point.name,
        figures: figuresOf(own, stack, shown),
        against_default: verdicts.get(keyOf(point.name, stack)) ?? null,
      };
    });
    const figures = figuresOf(base, stack, shown);
    const rivals = points.filter((_, index) => comparable.some((one) => one === ran[index]));
    return { stack, default: figures, points, best: bestOf(rivals, figures[metric], metric) };
  });
}

function servesTheSame(base: FinishedFolder, folder: FinishedFolder | undefined): boolean {
  return folder === undefined || loadChanges(base.manifest, folder.manifest).length === 0;
}

async function verdictsOf(
  base: FinishedFolder,
  comparable: readonly RanPoint[],
  { stacks, metric }: { readonly stacks: readonly string[]; readonly metric: ComparedMetricKey },
): Promise<ReadonlyMap<string, Comparison>> {
  const options = { metrics: [metric], isMeasured: isMeasuredRun(base.manifest) };
  const judged: Judged[] = [];
  const keys: string[] = [];
  for (const stack of stacks) {
    const before = await readCells(base, usableCells(base, stack));
    for (const { point, folder } of comparable) {
      if (folder === undefined) continue;
      const after = await readCells(folder, usableCells(folder, stack));
      for (const one of judgeStack(stack, { before, after }, options)) {
        judged.push(one);
        keys.push(keyOf(point.name, stack));
      }
    }
  }
  return new Map(withVerdicts(judged).map((comparison, index) => [keys[index] ?? '', comparison]));
}

function keyOf(point: string, stack: string): string {
  return JSON.stringify([point, stack]);
}

function has({ summary }: FinishedFolder, stack: string): boolean {
  return summary.cells.some(({ policy }) => policy === stack);
}

function figuresOf(
  { summary }: FinishedFolder,
  stack: string,
  shown: readonly ComparedMetricKey[],
): PointFigures['figures'] {
  const cells = summary.cells.filter(({ policy }) => policy === stack);
  return Object.fromEntries(
    shown.flatMap((key) => {
      const values = cells.flatMap((cell) => cell[key] ?? []);
      const figure = values.length === cells.length ? figureOf(values) : undefined;
      return figure === undefined ? [] : [[key, figure]];
    }),
  );
}

function figureOf(values: readonly number[]): SeedFigure | undefined {
  const center = mean(values);
  if (center === undefined) return undefined;
  const deviation = standardDeviation(values);
  if (deviation === undefined) return { mean: center, low: null, high: null };
  const half = (studentQuantile(0.975, values.length - 1) * deviation) / Math.sqrt(values.length);
  return { mean: center, low: Math.max(0, center - half), high: center + half };
}

function bestOf(
  points: readonly PointFigures[],
  own: SeedFigure | undefined,
  metric: ComparedMetricKey,
): string | null {
  const isBetter = (value: number, than: number): boolean =>
    metrics[metric].better === 'lower' ? value < than : value > than;
  let best: { readonly name: string | null; readonly mean: number } | undefined =
    own === undefined ? undefined : { name: null, mean: own.mean };
  for (const { point, figures } of points) {
    const figure = figures[metric];
    if (figure !== undefined && (best === undefined || isBetter(figure.mean, best.mean))) {
      best = { name: point, mean: figure.mean };
    }
  }
  return best?.name ?? null;
}
