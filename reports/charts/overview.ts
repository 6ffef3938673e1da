import type { Comparison } from '../../harness/metrics/results.ts';
import type { Metric } from '../../harness/metrics/metric.ts';
import { comparedMetrics, comparisonsOf, definitionOf } from '../figures.ts';
import { formatInterval, formatMetric, formatRatio } from '../format.ts';
import type { Results } from '../load.ts';
import { stackNamed, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { absent, labelPx, logTicks, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

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

function specOf(results: Results, metrics: readonly string[]): ReturnType<typeof topLevel> {
  const names = results.manifest.stacks.map((stack) => stack.name);
  const frame: Frame = { columns: 2, gutterPx: labelPx(names) + 180 };
  const domain = ratioDomain(metrics.flatMap((metric) => rivalsOn(results, metric)));
  const compared = results.manifest.stacks.filter((stack) => stack.name !== results.manifest.baseline);
  return topLevel(frame, {
    columns: frame.columns,
    align: 'each',
    spacing: { row: 26, column: 30 },
    concat: metrics.map((metric) => panel(results, metric, { domain, width: plotWidth(frame), compared })),
  });
}

interface PanelOptions {
  readonly domain: readonly [number, number];
  readonly width: number;
  readonly compared: Results['manifest']['stacks'];
}

function panel(results: Results, metric: string, { domain, width, compared }: PanelOptions) {
  const definition = definitionOf(results, metric);
  const rows = drawable(results, metric).map((comparison) => rowOf(comparison, definition, domain));
  const scales = stackScales(results, compared);
  const x = {
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [...domain], nice: false },
  };
  const y = {
    field: 'stack',
    type: 'nominal' as const,
    sort: scales.colour.domain,
    axis: { title: null, labelPadding: 12 },
  };
  const stackColour = { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend: null };
  const axis = {
    title: null,
    format: '~g',
    values: logTicks(...domain, 5),
    grid: true,
    labelExpr: "datum.label + '×'",
  };
  const hint = { lower: 'lower is better', higher: 'higher is better', neither: '' }[definition.better];
  return {
    title: { text: definition.label, ...(hint === '' ? {} : { subtitle: hint }) },
    width,
    height: { step: 26 },
    data: { values: rows },
    layer: [
      ...betterSide(definition.better, domain),
      {
        mark: { type: 'rule' as const, color: colour('ink'), strokeWidth: 1 },
        data: { values: [{ one: 1 }] },
        encoding: { x: { field: 'one', ...x } },
      },
      {
        mark: { type: 'rule' as const, strokeWidth: 2 },
        encoding: { x: { field: 'low', ...x, axis }, x2: { field: 'high' }, y, color: stackColour },
      },
      {
        mark: { type: 'point' as const, size: 75, strokeWidth: 2, opacity: 1 },
        encoding: {
          x: { field: 'shown', ...x, axis },
          y,
          color: stackColour,
          shape: { field: 'stack', type: 'nominal' as const, scale: pointShapes(scales.shape), legend: null },
          fill: {
            condition: { test: "datum.verdict !== 'cannot tell'", ...stackColour },
            value: colour('paper'),
          },
          tooltip: ['stack', 'value', 'baseline', 'ratio', 'interval', 'verdict'].map((field) => ({
            field,
            type: 'nominal' as const,
          })),
        },
      },
      {
        mark: { type: 'text' as const, align: 'left' as const, dx: 14, color: colour('muted') },
        encoding: { x: { datum: domain[1], ...x }, y, text: { field: 'label', type: 'nominal' as const } },
      },
    ],
  };
}

/** The bound's dash cannot be filled; here it is a point of a shape that no rival has. */
function pointShapes(shape: { domain: string[]; range: string[] }) {
  return { ...shape, range: shape.range.map((name) => (name === 'stroke' ? 'triangle-left' : name)) };
}

function rowOf(comparison: Comparison, definition: Metric, domain: readonly [number, number]) {
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
    label: `${formatRatio(ratio)} ${words[verdict]}${clamp(value) === value ? '' : ', off scale'}`,
  };
}

const words = { better: 'better', worse: 'worse', 'cannot tell': 'cannot tell' } as const;

function betterSide(better: Metric['better'], domain: readonly [number, number]) {
  if (better === 'neither') return [];
  const [x, x2] = better === 'lower' ? [domain[0], 1] : [1, domain[1]];
  return [
    {
      mark: { type: 'rect' as const, color: colour('better') },
      data: { values: [{ x, x2 }] },
      encoding: { x: { field: 'x', type: 'quantitative' as const }, x2: { field: 'x2' } },
    },
  ];
}

/** Around every interval and around 1, with a little air. */
function ratioDomain(comparisons: readonly Comparison[]): readonly [number, number] {
  const all = comparisons.flatMap(({ ratio, ratio_low: low, ratio_high: high }) => [
    ratio ?? 1,
    low ?? ratio ?? 1,
    high ?? ratio ?? 1,
  ]);
  const positive = all.filter((value) => value > 0);
  const low = Math.max(edge.low, Math.min(0.8, ...positive) / 1.1);
  const high = Math.min(edge.high, Math.max(1.25, ...positive) * 1.1);
  return [Number(low.toPrecision(3)), Number(high.toPrecision(3))];
}
