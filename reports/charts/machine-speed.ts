import { quantile } from 'd3-array';
import { formatNumber } from '../format.ts';
import { doneCells } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { stackNamed, styleOf } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, roundForPicture, seconds } from '../thin.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { byLook, extent, between, layer, legends, stackPanels, targetRules } from './grammar/index.ts';
import type { Layer, Look } from './grammar/index.ts';

/** Points of a cell. */
const maxPoints = 60;

/** A cell with the time at which it ran, in seconds of wall time since the first. */
interface Placed {
  readonly cell: DoneCell;
  readonly startS: number;
}

export const machineSpeed: Chart = {
  title: 'Speed of the machine while it measured',
  question: 'Was the machine the same for every policy?',
  draw(results) {
    const cells = doneCells(results).filter(({ speed }) => speed.length > 0);
    if (cells.length === 0) return absent('Nothing was measured on this machine.');
    const placed = placedOneAfterAnother(cells);
    return {
      kind: 'drawn',
      spec: specOf(results, placed),
      answer: answerOf(cells),
      caption:
        'A small fixed piece of work, timed again and again between steps: 1 is the speed at the calibration, 0.5 half of it (running median of nine beats). ' +
        'Cells in the order in which they ran, waits between them left out. Steps are charged at the speed of the calibration, so a slow stretch costs no policy anything; a cell that was disturbed is dashed.',
    };
  },
};

function answerOf(cells: readonly DoneCell[]): string {
  const medians = cells.map(({ speed }) => quantile(speed, 0.5, (row) => row.speed) ?? 1);
  const [low, high] = [Math.min(...medians), Math.max(...medians)];
  return `Between its cells the machine's speed went from ${formatNumber(low)} to ${formatNumber(high)} times that of the calibration.`;
}

function placedOneAfterAnother(cells: readonly DoneCell[]): readonly Placed[] {
  let startS = 0;
  return cells.map((cell) => {
    const placed = { cell, startS };
    startS += (cell.speed.at(-1)?.wall_us ?? 0) / 1e6;
    return placed;
  });
}

function specOf(results: Results, placed: readonly Placed[]) {
  const disturbed = new Set(
    results.manifest.cells.filter((cell) => cell.disturbed !== undefined).map(({ id }) => id),
  );
  const rows = placed.flatMap(({ cell, startS }) =>
    lastOfEachStretch(cell).map((row) => ({
      s: roundForPicture(startS + seconds(row.wall_us)),
      speed: roundForPicture(row.speed),
      stack: cell.policy,
      cell: cell.id,
      state: disturbed.has(cell.id) ? 'disturbed' : 'counts',
    })),
  );
  const { low, high } = extent([1, ...rows.map(({ speed }) => speed)]);
  const endS = rows.at(-1)?.s ?? 1;
  return stackPanels({ columns: 1, gutterPx: 80 }, [
    {
      height: 150,
      x: between(0, endS, { title: 'seconds of measuring', tickCount: 10, grid: true }),
      y: between(Math.max(0, low - 0.05), high + 0.05, { title: 'speed', tickCount: 5 }),
      layers: [targetRules([{ speed: 1 }], { y: { field: 'speed' } }), lines(results, placed, rows)],
    },
  ]);
}

/** The caption names the dashes. */
const states: readonly Look[] = [{ name: 'counts' }, { name: 'disturbed', dash: [3, 3] }];

/** The speed is a running median already: a row of each stretch of the cell says enough. */
function lastOfEachStretch({ speed }: DoneCell) {
  return binBy(speed, (row) => row.wall_us, maxPoints).flatMap((stretch) => stretch.at(-1) ?? []);
}

function lines(results: Results, placed: readonly Placed[], rows: readonly object[]): Layer {
  const looks = [...new Set(placed.map(({ cell }) => cell.policy))].map((policy): Look => {
    const stack = stackNamed(results, policy);
    return { name: policy, hue: stack === undefined ? colour('ink') : styleOf(results, stack).colour };
  });
  return layer({ type: 'line', strokeWidth: 1.8 }, rows, {
    x: { field: 's' },
    y: { field: 'speed' },
    color: byLook('stack', looks, legends.lines).color,
    strokeDash: byLook('state', states, null).strokeDash,
    detail: { field: 'cell', type: 'nominal' },
  });
}
