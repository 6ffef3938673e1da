import type { Comparison } from '../../harness/metrics/results.ts';
import type { Metric } from '../../harness/metrics/metric.ts';
import { comparedMetrics, comparisonsOf, definitionOf } from '../figures.ts';
import { formatInterval, formatMetric, formatRatio } from '../format.ts';
import type { Results } from '../load.ts';
import { stackLooks, stackNamed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  bars,
  baselineRule,
  byLook,
  extent,
  labelPx,
  layer,
  logarithmic,
  notes,
  ratioTicks,
  stackPanels,
  tips,
} from './grammar/index.ts';
import type { Encoding, Layer, Look, Panel } from './grammar/index.ts';

/** The axis never goes beyond; what lies outside is drawn at its edge and says so. */
const edge = { low: 0.01, high: 100 };

export const overview: Chart = {
  title: 'Every stack against the baseline',
  question: 'Which stack wins on what, and is the difference more than noise?',
  draw(results) {
    const metrics = comparedMetrics(results).filter((metric) => drawable(results, metric).length > 0);
    if (metrics.length === 0)
      return absent('There is nothing to compare: one stack, or no finished pair of cells.');
    const { baseline } = results.manifest;
    return {
      kind: 'drawn',
      spec: specOf(results, metrics),
      answer: answerOf(results, metrics),
      caption:
        `Value over that of ${baseline} (1×, vertical line), logarithmic; bars are 95 % intervals, paired by seed and request. ` +
        'Tinted side: better. Filled: the interval leaves 1× out; hollow: cannot tell. The axis fits the stacks; a bound beyond it stands at the edge.',
    };
  },
};

function drawable(results: Results, metric: string): readonly Comparison[] {
  return comparisonsOf(results, metric).filter(({ ratio }) => ratio !== null);
}

function rivalsOn(results: Results, metric: string): readonly Comparison[] {
  return drawable(results, metric).filter(({ policy }) => stackNamed(results, policy)?.family !== 'bound');
}

function answerOf(results: Results, metrics: readonly string[]): string {
  const all = metrics.flatMap((metric) => rivalsOn(results, metric));
  const names = [...new Set(all.map((comparison) => comparison.policy))];
  if (names.length === 0) return `Only the bound is compared with ${results.manifest.baseline}.`;
  const counted = names.map((name) => {
    const own = all.filter((comparison) => comparison.policy === name);
    const numOf = (verdict: Comparison['verdict']) => own.filter((c) => c.verdict === verdict).length;
    return `${name} ${numOf('better')} better, ${numOf('worse')} worse, ${numOf('cannot tell')} undecided`;
  });
  return `Metrics on which each stack differs from ${results.manifest.baseline}: ${counted.join('; ')}.`;
}

type Domain = readonly [number, number];

function specOf(results: Results, metrics: readonly string[]) {
  const { stacks, baseline } = results.manifest;
  const domain = ratioDomain(metrics.flatMap((metric) => rivalsOn(results, metric)));
  const looks = stackLooks(
    results,
    stacks.filter(({ name }) => name !== baseline),
  );
  const panels = metrics.map((metric) => panel(results, metric, { domain, looks }));
  const gutterPx = labelPx(stacks.map(({ name }) => name)) + 180;
  return stackPanels({ columns: 2, gutterPx }, panels, { spacing: { row: 26, column: 30 } });
}

function panel(
  results: Results,
  metric: string,
  { domain, looks }: { domain: Domain; looks: readonly Look[] },
): Panel {
  const definition = definitionOf(results, metric);
  const { label, better } = definition;
  const rows = drawable(results, metric).map((comparison) => rowOf(comparison, definition, domain));
  const drawn = looks.filter(({ name }) => rows.some(({ stack }) => stack === name));
  return bars({
    title: label,
    ...(better === 'neither' ? {} : { subtitle: `${better} is better` }),
    names: drawn.map(({ name }) => name),
    labelPadding: 12,
    x: logarithmic(...domain, ratioTicks),
    stepPx: 26,
    layers: [
      ...betterSide(better, domain),
      baselineRule(),
      ...intervals(rows, looks),
      notes(rows, 'label', { y: { field: 'stack' } }, { x: 'width', dx: 14 }),
    ],
  });
}

/** A line for each interval, a mark for the value: hollow where the interval leaves open which is better. */
function intervals(rows: readonly Row[], looks: readonly Look[]): Layer[] {
  const { color, shape } = byLook('stack', looks, null);
  const y: Encoding['y'] = { field: 'stack' };
  return [
    layer({ type: 'rule', strokeWidth: 2 }, rows, { x: { field: 'low' }, x2: { field: 'high' }, y, color }),
    layer({ type: 'point', size: 75, strokeWidth: 2, opacity: 1 }, rows, {
      x: { field: 'shown' },
      y,
      color,
      shape,
      fill: { condition: { test: "datum.verdict !== 'cannot tell'", ...color }, value: colour('paper') },
      tooltip: tips('stack', 'value', 'baseline', 'ratio', 'interval', 'verdict'),
    }),
  ];
}

type Row = ReturnType<typeof rowOf>;

function rowOf(comparison: Comparison, definition: Metric, domain: Domain) {
  const { policy, ratio, ratio_low: low, ratio_high: high, verdict } = comparison;
  const clamp = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const value = ratio ?? 1;
  return {
    stack: policy,
    shown: clamp(value),
    low: low === null ? domain[0] : clamp(low),
    high: high === null ? domain[1] : clamp(high),
    ratio: formatRatio(ratio),
    interval: formatInterval(low, high),
    value: formatMetric(comparison.value, definition.unit),
    baseline: formatMetric(comparison.baseline_value, definition.unit),
    verdict,
    label: `${formatRatio(ratio)} ${verdict}${clamp(value) === value ? '' : ', off scale'}`,
  };
}

/** Tints the side of 1 where a value is better. */
function betterSide(better: Metric['better'], [low, high]: Domain): Layer[] {
  if (better === 'neither') return [];
  const rows = [better === 'lower' ? { low, high: 1 } : { low: 1, high }];
  return [
    layer({ type: 'rect', color: colour('better') }, rows, { x: { field: 'low' }, x2: { field: 'high' } }),
  ];
}

/** Around every interval and around 1, with a little air. */
function ratioDomain(comparisons: readonly Comparison[]): Domain {
  const all = comparisons.flatMap(({ ratio, ratio_low, ratio_high }) => [ratio, ratio_low, ratio_high]);
  const positive = all.flatMap((value) => (value !== null && value > 0 ? value : []));
  const { low, high } = extent([0.8, 1.25, ...positive]);
  const [least, most] = [Math.max(edge.low, low / 1.1), Math.min(edge.high, high * 1.1)];
  return [Number(least.toPrecision(3)), Number(most.toPrecision(3))];
}
