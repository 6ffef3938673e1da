import type { StackInfo } from '../../harness/metrics/results.ts';
import { definitionOf, figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatMetric, formatRatio, joinWords } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackLooks } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { barPanel } from './bar-panel.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  barLabels,
  bars,
  extent,
  labelPx,
  layer,
  logarithmic,
  seedDots,
  stackBars,
  stackPanels,
} from './grammar/index.ts';
import type { Look, Panel, Position } from './grammar/index.ts';

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
  const rows = shown.map((key) => ({ key, ...rowsOf(results, baseline, { stacks, key }) }));
  const { low, high } = extent([1, ...rows.flatMap(({ seeds }) => seeds.map((seed) => seed.ratio))]);
  const x = logarithmic(roundForPicture(low / 1.15), roundForPicture(high * 1.15), ratioAxis);
  const looks = stackLooks(results, stacks);
  const panels = rows.map(({ key, means, seeds }) =>
    ratioPanel(definitionOf(results, key).label, { means, seeds, x, looks }),
  );
  const bubbles = barPanel(results, stacks, {
    key: 'bubble_ratio',
    title: 'Bubbles',
    subtitle: 'share of time; lower is better',
    unit: 'ratio',
  });
  const frame = { columns: 2, gutterPx: labelPx(stacks.map(({ name }) => name)) + 130 };
  return stackPanels(frame, hasBubbles(results, stacks) ? [...panels, bubbles] : panels, {
    spacing: { row: 26, column: 30 },
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

const ratioAxis = { maxTicks: 5, grid: true, format: '~g', labelExpr: "datum.label + '×'" };

interface RatioRows {
  readonly means: readonly Row[];
  readonly seeds: readonly Row[];
  readonly x: Position;
  readonly looks: readonly Look[];
}

function ratioPanel(title: string, { means, seeds, x, looks }: RatioRows): Panel {
  const one = [{ ratio: 1 }];
  return bars({
    title,
    subtitle: 'ratio to the baseline; lower is better',
    names: looks.map(({ name }) => name),
    x,
    stepPx: 26,
    layers: [
      stackBars(means, 'ratio', { looks, heightPx: 13, from: { datum: 1 } }),
      layer({ type: 'rule', color: colour('ink'), strokeWidth: 1 }, one, { x: { field: 'ratio' } }),
      seedDots(seeds, 'ratio'),
      barLabels(means),
    ],
  });
}
