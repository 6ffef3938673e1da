import type { PointFigures, SeedFigure, StackSweep, SweepResult } from '../harness/sweep/compare-points.ts';
import { formatInterval, formatMetric, formatRatio, plural, undefinedMark } from './format.ts';
import type { MetricDefinitions } from './load.ts';
import { aligned } from './table.ts';

/** A sweep as plain text: a table for each stack that some point changes, and which point is best. */
export function sweepText(sweep: SweepResult, definitions: MetricDefinitions): string {
  const { axes, stacks, points, seeds } = sweep;
  const axesLine = axes.map(({ path, values }) => `${path} (${plural(values.length, 'value')})`).join(' x ');
  if (stacks.length === 0) return `${axesLine}: no point changes anything.`;
  return [
    `${axesLine}: ${plural(points.length, 'point')}, ${plural(seeds.length, 'seed')}`,
    ...stacks.flatMap((stack) => [
      '',
      ...stackTable(stack, sweep, definitions),
      bestLine(stack, sweep, definitions),
    ]),
    '',
    'Means over the seeds; the ratio is that of the first column, with its 95 % interval. Verdicts are against the',
    'configuration as it is, paired by seed and request, and corrected for all points and stacks together.',
  ].join('\n');
}

function stackTable(
  { stack, default: own, points }: StackSweep,
  { metric }: SweepResult,
  definitions: MetricDefinitions,
): readonly string[] {
  const others = Object.keys(own).filter((key) => key !== metric);
  const label = (key: string): string => definitions[key]?.label ?? key;
  const rowOf = (
    name: string,
    figures: PointFigures['figures'],
    against: string,
    verdict: string,
  ): string[] => [
    name,
    ...[metric, ...others].map((key) => shown(figures, key, definitions)),
    against,
    verdict,
  ];
  const lines = [
    [stack, label(metric), ...others.map(label), 'against default', ''],
    rowOf('default', own, '', ''),
    ...points.map(({ point, figures, against_default: against }) =>
      against === null
        ? rowOf(point, figures, '', '')
        : rowOf(point, figures, extent(against), against.verdict),
    ),
  ];
  return aligned(lines, [0, lines[0]?.length ?? 0]);
}

function shown(figures: PointFigures['figures'], key: string, definitions: MetricDefinitions): string {
  const figure = new Map<string, SeedFigure>(Object.entries(figures)).get(key);
  const definition = definitions[key];
  if (figure === undefined || definition === undefined) return undefinedMark;
  return formatMetric(figure.mean, definition.unit);
}

function extent({
  ratio,
  ratio_low: low,
  ratio_high: high,
}: NonNullable<PointFigures['against_default']>): string {
  return ratio === null ? undefinedMark : `${formatRatio(ratio)} (${formatInterval(low, high)})`;
}

function bestLine(
  { points, best }: StackSweep,
  { metric }: SweepResult,
  definitions: MetricDefinitions,
): string {
  const label = definitions[metric]?.label ?? metric;
  if (best === null) return `best ${label}: the configuration as it is`;
  const against = points.find(({ point }) => point === best)?.against_default ?? null;
  if (against === null) return `best ${label}: ${best}`;
  const sure = against.verdict === 'better' ? 'surely better' : 'not surely better';
  return `best ${label}: ${best}, ${sure} than the configuration as it is`;
}
