import type { StackInfo } from '../../harness/metrics/results.ts';
import { meetsScaledSlo } from '../figures.ts';
import { formatPercent, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownStacks, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { absent, lineLegend, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

/** Scales of the target, evenly spread over a logarithmic axis from 0.25 to 10. */
const scales = Array.from({ length: 33 }, (_, index) => roundForPicture(0.25 * 40 ** (index / 32)));

export const sloAttainment: Chart = {
  title: 'SLO attainment against the target',
  question: 'How many requests meet their targets, and does the ranking depend on how strict these are?',
  draw(results) {
    if (results.slo.size === 0) return absent('No class of requests has a target.');
    const stacks = shownStacks(results);
    if (stacks.length === 0) return absent('No cell finished.');
    return {
      kind: 'drawn',
      spec: specOf(results, stacks),
      answer: answerOf(results, stacks),
      caption:
        'Share of the offered requests that would have met every target, were all targets multiplied by the scale; 1× is the configured one. Seeds pooled. ' +
        'Failed, rejected and unfinished requests miss every target; requests that their client cancelled are left out.',
    };
  },
};

function answerOf(results: Results, stacks: readonly StackInfo[]): string {
  const at = (stack: StackInfo, scale: number) => attainment(results, cellsOf(results, stack), scale);
  const parts = stacks.map((stack) => ({
    text: `${stack.name} ${formatPercent(at(stack, 1))} and ${formatPercent(at(stack, 4))}`,
    score: at(stack, 1) ?? 0,
  }));
  return `Met at the configured targets, and at four times these: ${listOrExtremes(parts)}.`;
}

/** Of the offered requests, as the metric of the same name; a class without targets is met by finishing. */
function attainment(results: Results, cells: readonly DoneCell[], scale: number): number | undefined {
  let offered = 0;
  let met = 0;
  for (const cell of cells) {
    for (const row of cell.requests) {
      if (row.status === 'aborted') continue;
      offered += 1;
      if (meetsScaledSlo(row, results.slo.get(row.class) ?? {}, scale)) met += 1;
    }
  }
  return offered === 0 ? undefined : met / offered;
}

function specOf(results: Results, stacks: readonly StackInfo[]) {
  const frame: Frame = { columns: 1, gutterPx: 72, legend: stacks.map(({ name }) => name) };
  const values = stacks.flatMap((stack) => {
    const cells = cellsOf(results, stack);
    return scales.flatMap((scale) => {
      const share = attainment(results, cells, scale);
      return share === undefined ? [] : [{ stack: stack.name, scale, share: roundForPicture(share) }];
    });
  });
  const style = stackScales(results, stacks);
  const x = {
    field: 'scale',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [0.25, 10], nice: false },
    axis: {
      title: 'targets multiplied by (log)',
      values: [0.25, 0.5, 1, 2, 4, 10],
      labelExpr: "format(datum.value, '~g') + '×'",
      grid: true,
    },
  };
  return topLevel(frame, {
    width: plotWidth(frame),
    height: 260,
    layer: [
      {
        data: { values: [{ scale: 1 }] },
        mark: { type: 'rule', color: colour('target'), strokeDash: [5, 4], strokeWidth: 1.2 },
        encoding: { x },
      },
      {
        data: { values },
        mark: { type: 'line', strokeWidth: 2.4 },
        encoding: {
          x,
          y: {
            field: 'share',
            type: 'quantitative',
            scale: { domain: [0, 1] },
            axis: { title: 'share of offered requests', format: '.0%', tickCount: 5 },
          },
          color: { field: 'stack', type: 'nominal', scale: style.colour, legend: lineLegend },
          strokeDash: { field: 'stack', type: 'nominal', scale: style.dash, legend: lineLegend },
          tooltip: [
            { field: 'stack', type: 'nominal' },
            { field: 'scale', type: 'quantitative' },
            { field: 'share', type: 'quantitative', format: '.1%' },
          ],
        },
      },
    ],
  });
}
