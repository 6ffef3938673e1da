import { figureOf, hasAny } from '../figures.ts';
import { formatPercent, listOrExtremes } from '../format.ts';
import { shownStacks } from '../stacks.ts';
import { barPanel } from './bar-panel.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { labelPx, stackPanels } from './grammar/index.ts';

export const bubbles: Chart = {
  title: 'Bubbles in pipelines',
  question: 'How much time do stages of a pipeline wait for one another?',
  draw(results) {
    const stacks = shownStacks(results).filter((stack) => hasAny(results, stack, 'bubble_ratio'));
    if (stacks.length === 0) return absent('No stack ran a pipeline.');
    const parts = stacks.map((stack) => {
      const share = figureOf(results, stack, 'bubble_ratio')?.mean ?? 0;
      return { text: `${stack.name} ${formatPercent(share)}`, score: share };
    });
    const frame = { columns: 1, gutterPx: labelPx(stacks.map(({ name }) => name)) + 60 };
    const title = 'Share of bubbles in the time of bubbles and computing';
    const panel = barPanel(results, stacks, { key: 'bubble_ratio', title, unit: 'ratio' });
    return {
      kind: 'drawn',
      spec: stackPanels(frame, [panel]),
      answer: `Share of bubbles, on average over the seeds: ${listOrExtremes(parts)}.`,
      caption:
        'Bars: mean over the seeds; dots: each seed. A bubble is time between two micro-batches of one busy period in which a stage of a pipeline stands idle. ' +
        'Stacks that never ran a pipeline are left out; time in which instances serve alone counts as computing.',
    };
  },
};
