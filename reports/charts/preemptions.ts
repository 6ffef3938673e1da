import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatNumber, joinWords, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { absent, labelPx, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const kinds: readonly { key: FigureKey; title: string }[] = [
  { key: 'preemption_count', title: 'Preemptions' },
  { key: 'swap_count', title: 'Swaps to host memory' },
  { key: 'migration_count', title: 'Migrations between instances' },
];

export const preemptions: Chart = {
  title: 'Preemptions, swaps and migrations',
  question: 'How often did each stack have to move or drop KV?',
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
        'Bars: mean over the seeds; dots: each seed.' +
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
  const frame: Frame = { columns: shown.length, gutterPx: labelPx(names) + 60 };
  return topLevel(frame, {
    columns: frame.columns,
    spacing: { row: 24, column: 30 },
    concat: shown.map((kind) => panel(results, stacks, { ...kind, width: plotWidth(frame) })),
  });
}

function panel(
  results: Results,
  stacks: readonly StackInfo[],
  { key, title, width }: (typeof kinds)[number] & { width: number },
) {
  const scales = stackScales(results, stacks);
  const means = stacks.map((stack) => {
    const value = figureOf(results, stack, key)?.mean ?? 0;
    return { stack: stack.name, value: roundForPicture(value), label: formatNumber(value) };
  });
  const seeds = stacks.flatMap((stack) =>
    cellsOf(results, stack).map(({ seed, summary }) => ({ stack: stack.name, seed, value: summary[key] })),
  );
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    axis: { title: null, grid: true, tickCount: 4 },
  };
  const y = {
    field: 'stack',
    type: 'nominal' as const,
    sort: scales.colour.domain,
    axis: { title: null },
  };
  return {
    title,
    width,
    height: { step: 28 },
    layer: [
      {
        data: { values: means },
        mark: { type: 'bar' as const, height: 14, opacity: 0.85 },
        encoding: {
          x,
          y,
          color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend: null },
        },
      },
      {
        data: { values: seeds },
        mark: { type: 'point' as const, filled: true, size: 18, color: colour('ink'), opacity: 0.8 },
        encoding: { x, y },
      },
      {
        data: {
          values: means.map((row) => ({ ...row, end: highest(results, stackOf(stacks, row.stack), key) })),
        },
        mark: { type: 'text' as const, align: 'left' as const, dx: 8, color: colour('muted') },
        encoding: {
          x: { field: 'end', type: 'quantitative' as const },
          y,
          text: { field: 'label', type: 'nominal' as const },
        },
      },
    ],
  };
}

function stackOf(stacks: readonly StackInfo[], name: string): StackInfo {
  return stacks.find((stack) => stack.name === name) as StackInfo;
}
