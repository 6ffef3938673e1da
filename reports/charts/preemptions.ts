import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf, hasAny } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatNumber, joinWords, listOrExtremes } from '../format.ts';
import type { Results } from '../load.ts';
import { shownStacks } from '../stacks.ts';
import { barPanel } from './bar-panel.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { labelPx, stackPanels } from './grammar/index.ts';

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
      ({ key }, index) => index === 0 || stacks.some((stack) => hasAny(results, stack, key)),
    );
    const hidden = kinds.filter((kind) => !shown.includes(kind)).map(({ title }) => title.toLowerCase());
    const columns = shown.length === 4 ? 2 : Math.min(3, shown.length);
    const frame = { columns, gutterPx: labelPx(stacks.map(({ name }) => name)) + 60 };
    const panels = shown.map((kind) => barPanel(results, stacks, { ...kind, unit: 'count' }));
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panels, { spacing: { row: 24, column: 30 } }),
      answer: answerOf(results, stacks),
      caption:
        'Number in a run; bars: mean over the seeds; dots: each seed.' +
        (hidden.length === 0 ? '' : ` Not shown, since no stack had any: ${joinWords(hidden)}.`),
    };
  },
};

function answerOf(results: Results, stacks: readonly StackInfo[]): string {
  const parts = stacks.map((stack) => {
    const figure = figureOf(results, stack, 'preemption_count');
    return { text: `${stack.name} ${formatNumber(figure?.mean)}`, score: figure?.mean ?? 0 };
  });
  return `Preemptions a run, on average over the seeds: ${listOrExtremes(parts)}.`;
}
