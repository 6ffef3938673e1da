import { rollup } from 'd3-array';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { definitionOf, figureOf, hasAny, seedFigures } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatMetric, formatRatio, joinWords } from '../format.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackLooks } from '../stacks.ts';
import { roundForPicture } from '../thin.ts';
import { barPanel } from './bar-panel.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  barLabels,
  bars,
  baselineRule,
  labelPx,
  logarithmicAround,
  ratioTicks,
  seedDots,
  stackBars,
  stackPanels,
} from './grammar/index.ts';

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
        `${stacks.some((stack) => hasAny(results, stack, 'bubble_ratio')) ? 'Bubbles are a share of time, not a ratio to the baseline. ' : ''}Parameters that differ: ${differences(rungs).join('; ')}.`,
    };
  },
};

/** Stacks with a policy that another stack runs with other parameters. */
function rungsOf(results: Results): readonly StackInfo[] {
  const stacks = shownStacks(results);
  const isVaried = varied(stacks.flatMap(policiesOf));
  return stacks.filter((stack) => policiesOf(stack).some(isVaried));
}

function policiesOf({ policies }: StackInfo): Setting[] {
  return policies.map(({ name, params }) => ({ key: name, value: JSON.stringify(params) }));
}

/** `stack: policy.parameter = value` for each parameter that is not the same in all stacks which run the policy. */
function differences(rungs: readonly StackInfo[]): string[] {
  const isVaried = varied(rungs.flatMap(parametersOf));
  return rungs.map((stack) => {
    const own = parametersOf(stack).filter(isVaried);
    return `${stack.name}: ${own.map(({ key, value }) => `${key} = ${value}`).join(', ')}`;
  });
}

interface Setting {
  readonly key: string;
  readonly value: string;
}

function parametersOf({ policies }: StackInfo): Setting[] {
  return policies.flatMap(({ name, params }) =>
    Object.entries(params).map(([key, value]) => ({ key: `${name}.${key}`, value: JSON.stringify(value) })),
  );
}

/** Whether the key of a setting has several values among all of them. */
function varied(settings: readonly Setting[]): (setting: Setting) => boolean {
  const byKey = rollup(
    settings,
    (same) => new Set(same.map(({ value }) => value)).size,
    ({ key }) => key,
  );
  return ({ key }) => (byKey.get(key) ?? 0) > 1;
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

function specOf(
  results: Results,
  baseline: StackInfo,
  { stacks, shown }: { stacks: readonly StackInfo[]; shown: readonly FigureKey[] },
) {
  const looks = stackLooks(results, stacks);
  const rows = shown.map((key) => ({ key, ...rowsOf(results, baseline, { stacks, key }) }));
  const ratios = rows.flatMap(({ seeds }) => seeds.map(({ ratio }) => ratio));
  const x = logarithmicAround([1, ...ratios], 1.15, ratioTicks);
  const panels = rows.map(({ key, means, seeds }) =>
    bars({
      title: definitionOf(results, key).label,
      subtitle: 'ratio to the baseline; lower is better',
      names: stacks.map(({ name }) => name),
      x,
      stepPx: 26,
      layers: [
        stackBars(means, 'ratio', { looks, heightPx: 13, from: { datum: 1 } }),
        baselineRule(),
        seedDots(seeds, 'ratio'),
        barLabels(means),
      ],
    }),
  );
  const hasBubbles = stacks.some((stack) => hasAny(results, stack, 'bubble_ratio'));
  const bubbles = barPanel(results, stacks, {
    key: 'bubble_ratio',
    title: 'Bubbles',
    subtitle: 'share of time; lower is better',
    unit: 'ratio',
  });
  const frame = { columns: 2, gutterPx: labelPx(stacks.map(({ name }) => name)) + 130 };
  return stackPanels(frame, hasBubbles ? [...panels, bubbles] : panels, {
    spacing: { row: 26, column: 30 },
  });
}

/** The means and the seeds of one metric, as ratios to the baseline's mean; zeros have no place on the axis. */
function rowsOf(
  results: Results,
  baseline: StackInfo,
  { stacks, key }: { stacks: readonly StackInfo[]; key: FigureKey },
) {
  const base = figureOf(results, baseline, key)?.mean ?? 1;
  const rows = (valuesOfStack: (stack: StackInfo) => readonly number[]) =>
    stacks.flatMap((stack) =>
      valuesOfStack(stack)
        .filter((value) => value > 0)
        .map((value) => ({
          stack: stack.name,
          ratio: roundForPicture(value / base),
          label: `${formatRatio(value / base)} (${formatMetric(value, definitionOf(results, key).unit)})`,
        })),
    );
  return {
    means: rows((stack) => [figureOf(results, stack, key)?.mean ?? 0]),
    seeds: rows((stack) => seedFigures(results, stack, key)),
  };
}
