import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatNumber, joinWords, listOrExtremes } from '../format.ts';
import type { Results } from '../load.ts';
import { shownStacks } from '../stacks.ts';
import { barPanel } from './bar-panel.ts';
import { absent, labelPx, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const kinds: readonly { key: FigureKey; title: string }[] = [
  { key: 'preemption_count', title: 'Preemptions' },
  { key: 'swap_count', title: 'Swaps to host memory' },
  { key: 'migration_count', title: 'Migrations between instances' },
  { key: 'drop_count', title: 'Drops of weights' },
  { key: 'restore_count', title: 'Restores of weights' },
];

export const preemptions: Chart = {
  title: 'Preemptions, swaps, migrations and drops',
  question: 'How often did each stack have to make room for KV?',
  draw(results) {
    const stacks = shownStacks(results);
    if (stacks.length === 0) return absent('No cell finished.');
    const shown = kinds.filter(
      ({ key }, index) => index === 0 || stacks.some((stack) => highest(results, stack, key) > 0),
    );
    const hidden = kinds.filter((kind) => !shown.includes(kind)).map(({ title }) => title.toLowerCase());
    return {
      kind: 'drawn',
      spec: specOf(results, stacks, shown),
      answer: answerOf(results, stacks),
      caption:
        'Number in a run; bars: mean over the seeds; dots: each seed.' +
        (hidden.length === 0 ? '' : ` Not shown, since no stack had any: ${joinWords(hidden)}.`),
    };
  },
};

function highest(results: Results, stack: StackInfo, key: FigureKey): number {
  return figureOf(results, stack, key)?.high ?? 0;
}

function answerOf(results: Results, stacks: readonly StackInfo[]): string {
  const parts = stacks.map((stack) => {
    const figure = figureOf(results, stack, 'preemption_count');
    return { text: `${stack.name} ${formatNumber(figure?.mean)}`, score: figure?.mean ?? 0 };
  });
  return `Preemptions a run, on average over the seeds: ${listOrExtremes(parts)}.`;
}

function specOf(results: Results, stacks: readonly StackInfo[], shown: typeof kinds) {
  const names = stacks.map((stack) => stack.name);
  const frame: Frame = {
    columns: shown.length === 4 ? 2 : Math.min(3, shown.length),
    gutterPx: labelPx(names) + 60,
  };
  const width = plotWidth(frame);
  return topLevel(frame, {
    columns: frame.columns,
    spacing: { row: 24, column: 30 },
    concat: shown.map((kind) => barPanel(results, stacks, { ...kind, unit: 'count', width })),
  });
}
