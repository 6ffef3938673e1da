import type { StackInfo } from '../../harness/metrics/results.ts';
import { definitionOf, figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatMetric, formatRatio, joinWords } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { barPanel } from './bar-panel.ts';
import { absent, extent, labelPx, logTicks, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const keys: readonly FigureKey[] = [
  'p50_ttft_ms',
  'p90_ttft_ms',
  'p99_ttft_ms',
  'p999_ttft_ms',
  'p50_tpot_ms',
  'p90_tpot_ms',
  'p99_tpot_ms',
  'p999_tpot_ms',
];

export const ladder: Chart = {
  title: 'What each change of a policy brings',
  question: 'How do variants of one policy compare?',
  draw(results) {
    const rungs = rungsOf(results);
    const baseline = shownStacks(results).find(({ name }) => name === results.manifest.baseline);
    if (rungs.length === 0 || baseline === undefined) {
      return absent('No two stacks that finished run the same policy with different parameters.');
    }
    const stacks = shownStacks(results).filter((stack) => stack === baseline || rungs.includes(stack));
    if (stacks.length < 3) return absent('A ladder takes a baseline and two more stacks.');
    const shown = keys.filter((key) => (figureOf(results, baseline, key)?.mean ?? 0) > 0);
    return {
      kind: 'drawn',
      spec: specOf(results, baseline, { stacks, shown }),
      answer: answerOf(results, baseline, stacks),
      caption:
        `In the order of the configuration, every value over that of ${baseline.name} (1×, upright line), logarithmic; bars: mean over the seeds; dots: each seed over the baseline’s mean. Left of 1× is faster. Stacks may also differ in other policies and in more than one parameter, so that a row is not always one step from the row above. ` +
        `${bubbleWords(results, stacks)}Parameters that differ: ${differences(rungs).join('; ')}.`,
    };
  },
};

/** Stacks with a policy that another stack runs with other parameters. */
function rungsOf(results: Results): readonly StackInfo[] {
  const stacks = shownStacks(results);
  const variants = new Map<string, Set<string>>();
  for (const { name, params } of stacks.flatMap(({ policies }) => policies)) {
    variants.set(name, (variants.get(name) ?? new Set()).add(JSON.stringify(params)));
  }
  const isVaried = (name: string) => (variants.get(name)?.size ?? 0) > 1;
  return stacks.filter(({ policies }) => policies.some(({ name }) => isVaried(name)));
}

/** `stack: policy.parameter value` for each parameter that is not the same in all stacks which run the policy. */
function differences(rungs: readonly StackInfo[]): string[] {
  const all = rungs.flatMap(valuesOf);
  const isVaried = (key: string) =>
    new Set(all.filter((one) => one.key === key).map(({ value }) => value)).size > 1;
  return rungs.map((stack) => {
    const own = valuesOf(stack).filter(({ key }) => isVaried(key));
    return `${stack.name}: ${own.map(({ key, value }) => `${key} = ${value}`).join(', ')}`;
  });
}

function valuesOf({ policies }: StackInfo): { key: string; value: string }[] {
  return policies.flatMap(({ name, params }) =>
    Object.entries(params).map(([key, value]) => ({ key: `${name}.${key}`, value: JSON.stringify(value) })),
  );
}

function answerOf(results: Results, baseline: StackInfo, stacks: readonly StackInfo[]): string {
  const key = 'p99_ttft_ms';
  const base = figureOf(results, baseline, key)?.mean;
  if (base === undefined || base === 0) return `${baseline.name} has no TTFT to compare with.`;
  const steps = stacks
    .filter((stack) => stack !== baseline)
    .map((stack) => {
      const value = figureOf(results, stack, key)?.mean;
      return `${stack.name} ${formatRatio(value === undefined ? undefined : value / base)}`;
    });
  return `TTFT p99 over that of ${baseline.name}: ${joinWords(steps)}.`;
}

function hasBubbles(results: Results, stacks: readonly StackInfo[]): boolean {
  return stacks.some((stack) => (figureOf(results, stack, 'bubble_ratio')?.high ?? 0) > 0);
}

function bubbleWords(results: Results, stacks: readonly StackInfo[]): string {
  return hasBubbles(results, stacks) ? 'Bubbles are a share of time, not a ratio to the baseline. ' : '';
}

function specOf(
  results: Results,
  baseline: StackInfo,
  { stacks, shown }: { stacks: readonly StackInfo[]; shown: readonly FigureKey[] },
) {
  const frame: Frame = { columns: 2, gutterPx: labelPx(stacks.map(({ name }) => name)) + 130 };
  const width = plotWidth(frame);
  const rows = shown.map((key) => ({ key, ...rowsOf(results, baseline, { stacks, key }) }));
  const ratios = extent([1, ...rows.flatMap(({ seeds }) => seeds.map((seed) => seed.ratio))]);
  const domain = [roundForPicture(ratios.low / 1.15), roundForPicture(ratios.high * 1.15)] as const;
  const bubble = {
    key: 'bubble_ratio',
    title: 'Bubbles',
    subtitle: 'share of time; lower is better',
    unit: 'ratio',
    width,
  } as const;
  return topLevel(frame, {
    columns: frame.columns,
    align: 'each',
    spacing: { row: 26, column: 30 },
    concat: [
      ...rows.map(({ key, means, seeds }) =>
        panel(results, stacks, { title: definitionOf(results, key).label, means, seeds, domain, width }),
      ),
      ...(hasBubbles(results, stacks) ? [barPanel(results, stacks, bubble)] : []),
    ],
  });
}

interface Row {
  readonly stack: string;
  readonly ratio: number;
  readonly label: string;
}

function rowsOf(
  results: Results,
  baseline: StackInfo,
  { stacks, key }: { stacks: readonly StackInfo[]; key: FigureKey },
) {
  const base = figureOf(results, baseline, key)?.mean ?? 1;
  const { unit } = definitionOf(results, key);
  const row = (stack: string, value: number): Row => ({
    stack,
    ratio: roundForPicture(value / base),
    label: `${formatRatio(value / base)} (${formatMetric(value, unit)})`,
  });
  const means = stacks.flatMap((stack) => {
    const value = figureOf(results, stack, key)?.mean;
    return value === undefined || value === 0 ? [] : [row(stack.name, value)];
  });
  const seeds = stacks.flatMap((stack) =>
    cellsOf(results, stack).flatMap(({ summary }) => {
      const value = summary[key];
      return value === null || value === 0 ? [] : [row(stack.name, value)];
    }),
  );
  return { means, seeds };
}

interface PanelOptions {
  readonly title: string;
  readonly means: readonly Row[];
  readonly seeds: readonly Row[];
  readonly domain: readonly [number, number];
  readonly width: number;
}

function panel(
  results: Results,
  stacks: readonly StackInfo[],
  { title, means, seeds, domain, width }: PanelOptions,
) {
  const scales = stackScales(results, stacks);
  const encoding = { x: ratioAxis(domain), y: stackAxis(scales.colour.domain) };
  const hue = { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend: null };
  return {
    title: { text: title, subtitle: 'ratio to the baseline; lower is better' },
    width,
    height: { step: 26 },
    layer: [
      {
        data: { values: [...means] },
        mark: { type: 'bar' as const, height: 13, opacity: 0.85 },
        encoding: { ...encoding, x2: { datum: 1 }, color: hue },
      },
      {
        data: { values: [{ ratio: 1 }] },
        mark: { type: 'rule' as const, color: colour('ink'), strokeWidth: 1 },
        encoding: { x: encoding.x },
      },
      {
        data: { values: [...seeds] },
        mark: { type: 'point' as const, filled: true, size: 18, color: colour('ink'), opacity: 0.8 },
        encoding,
      },
      {
        data: { values: means.map(({ stack, label }) => ({ stack, label, ratio: domain[1] })) },
        mark: { type: 'text' as const, align: 'left' as const, dx: 8, color: colour('muted') },
        encoding: { ...encoding, text: { field: 'label', type: 'nominal' as const } },
      },
    ],
  };
}

function ratioAxis(domain: readonly [number, number]) {
  return {
    field: 'ratio',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [...domain], nice: false },
    axis: {
      title: null,
      values: logTicks(...domain, 5),
      grid: true,
      format: '~g',
      labelExpr: "datum.label + '×'",
    },
  };
}

function stackAxis(names: readonly string[]) {
  return { field: 'stack', type: 'nominal' as const, sort: [...names], axis: { title: null } };
}
