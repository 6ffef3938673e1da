import { mean, range } from 'd3-array';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { meetsScaledSlo } from '../figures.ts';
import { formatPercent, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackLooks } from '../stacks.ts';
import { roundForPicture } from '../thin.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  between,
  byLook,
  layer,
  legends,
  logarithmic,
  stackPanels,
  targetRules,
  tips,
} from './grammar/index.ts';
import type { Layer } from './grammar/index.ts';

/** Scales of the target, evenly spread over a logarithmic axis from 0.25 to 10. */
const scales = range(33).map((index) => roundForPicture(0.25 * 40 ** (index / 32)));

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
  const parts = stacks.map((stack) => {
    const met = attainmentOf(results, stack);
    return {
      text: `${stack.name} ${formatPercent(met(1))} and ${formatPercent(met(4))}`,
      score: met(1) ?? 0,
    };
  });
  return `Met at the configured targets, and at four times these: ${listOrExtremes(parts)}.`;
}

/** By scale, of the offered requests, as the metric of the same name; a class without targets is met by finishing. */
function attainmentOf(results: Results, stack: StackInfo): (scale: number) => number | undefined {
  const requests = cellsOf(results, stack).flatMap((cell) => cell.requests);
  const offered = requests.filter(({ status }) => status !== 'aborted');
  return (scale) =>
    mean(offered, (row) => (meetsScaledSlo(row, results.slo.get(row.class) ?? {}, scale) ? 1 : 0));
}

function specOf(results: Results, stacks: readonly StackInfo[]) {
  const scaleAxis = {
    title: 'targets multiplied by (log)',
    values: [0.25, 0.5, 1, 2, 4, 10],
    labelExpr: "format(datum.value, '~g') + '×'",
    grid: true,
  };
  return stackPanels({ columns: 1, gutterPx: 72, legend: stacks.map(({ name }) => name) }, [
    {
      height: 260,
      x: logarithmic(0.25, 10, scaleAxis),
      y: between(0, 1, { title: 'share of offered requests', format: '.0%', tickCount: 5 }),
      layers: [targetRules([{ scale: 1 }], { x: { field: 'scale' } }), lines(results, stacks)],
    },
  ]);
}

function lines(results: Results, stacks: readonly StackInfo[]): Layer {
  const rows = stacks.flatMap((stack) => {
    const met = attainmentOf(results, stack);
    return scales.flatMap((scale) => {
      const share = met(scale);
      return share === undefined ? [] : [{ stack: stack.name, scale, share: roundForPicture(share) }];
    });
  });
  const { color, strokeDash } = byLook('stack', stackLooks(results, stacks), legends.lines);
  return layer({ type: 'line', strokeWidth: 2.4 }, rows, {
    x: { field: 'scale' },
    y: { field: 'share' },
    color,
    strokeDash,
    tooltip: [...tips('stack', 'scale'), { field: 'share', type: 'quantitative', format: '.1%' }],
  });
}
