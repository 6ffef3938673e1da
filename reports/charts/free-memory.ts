import { mean } from '../../harness/base/stats.ts';
import { hasMigrated, hasScaled } from '../fleet.ts';
import { formatNumber, formatPercent, listOrExtremes } from '../format.ts';
import { freeMemoryOf, kvBytesPerToken, medianOf } from '../free-memory.ts';
import type { FreeMemory } from '../free-memory.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed, shownStacks, stackLooks } from '../stacks.ts';
import { binBy, greatestOf, roundForPicture, seconds } from '../thin.ts';
import { shownCells, tintedAxis } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { fromZero, stackPanels, timeLines } from './grammar/index.ts';
import type { Look, Panel, Position } from './grammar/index.ts';

/** Points of all lines of one panel together. */
const allPoints = 600;

export const freeMemory: Chart = {
  title: 'Fragmentation and freeness over time',
  question: 'Is memory free where requests wait, and how soon would the cluster be full?',
  draw(results) {
    const bytesPerToken = kvBytesPerToken(results);
    if (bytesPerToken === undefined) return absent('The configuration does not say how large KV is.');
    if (!shownStacks(results).some((stack) => hasScaled(results, stack) || hasMigrated(results, stack))) {
      return absent('No stack migrates requests or changes the number of instances.');
    }
    const cells = shownCells(results, ({ family }) => family !== 'bound');
    const lines = cells.map((cell): Line => ({ cell, samples: freeMemoryOf(cell, bytesPerToken) }));
    const maxPoints = shareOfPoints(allPoints, lines.length, { least: 50, most: 120 });
    const looks = stackLooks(
      results,
      shownStacks(results).filter(({ family }) => family !== 'bound'),
    );
    const frame = { columns: 1, gutterPx: 80, legend: looks.map(({ name }) => name) };
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panelsOf(lines, looks, maxPoints), { time: tintedAxis(cells) }),
      answer: answerOf(lines),
      caption:
        `Seed ${shownSeed(results) ?? '?'}, without bounds. Fragmentation (Llumnix, section 6.3): of the first requests in line, those that do not fit their own instance are served, smallest first, out of the free KV memory of all instances while they fit; what they take, over all KV memory. ` +
        'Freeness (after Llumnix, section 4.4.1; the report’s own approximation from the samples): tokens of KV memory that neither running nor waiting requests need, over their number, one at the least; in decode steps for each request, less than 0 when more wait than fit, linear around 0 and logarithmic beyond 10. Only instances that take requests count. ' +
        `Where the fullest group is far below the cluster, others have room that it lacks. Mean (fragmentation) and median of at most ${maxPoints} stretches of time.`,
    };
  },
};

interface Line {
  readonly cell: DoneCell;
  readonly samples: readonly FreeMemory[];
}

function answerOf(lines: readonly Line[]): string {
  const parts = lines.map(({ cell, samples }) => {
    const shares = samples.map(({ fragmentation }) => fragmentation);
    const [average, most] = [mean(shares), greatestOf(shares)];
    return {
      text: `${cell.policy} ${formatPercent(average)} (at most ${formatPercent(most)}, median freeness ${formatNumber(Math.round(medianOf(samples, 'freeness')))})`,
      score: average ?? 0,
    };
  });
  return `Fragmented KV memory, mean over the samples: ${listOrExtremes(parts)}.`;
}

const freeness: Position = {
  type: 'quantitative',
  scale: { type: 'symlog', constant: 10, nice: false },
  axis: {
    title: null,
    values: [-10_000, -1000, -100, 0, 100, 1000, 10_000],
    labelExpr: "format(datum.value, ',d')",
  },
};

function panelsOf(lines: readonly Line[], looks: readonly Look[], maxPoints: number): Panel[] {
  const rows = lines.flatMap((line) => rowsOf(line, maxPoints));
  const panel = (title: string, field: keyof (typeof rows)[number], y: Position): Panel => {
    const values = rows.map((row) => ({ s: row.s, stack: row.stack, value: row[field] }));
    return { title, height: 110, y, layers: [timeLines(values, { y: 'value', by: 'stack', looks })] };
  };
  const shares = fromZero(
    rows.map(({ fragmentation }) => fragmentation),
    { format: '.1~%' },
  );
  return [
    panel('Fragmented share of KV memory', 'fragmentation', shares),
    panel('Freeness of the cluster, decode steps', 'freeness', freeness),
    panel('Freeness of the fullest group, decode steps', 'leastFreeness', freeness),
  ];
}

function rowsOf({ cell, samples }: Line, maxPoints: number) {
  return binBy(samples, ({ timeUs }) => timeUs, maxPoints).map((bin) => ({
    stack: cell.policy,
    s: seconds(bin[0]?.timeUs ?? 0),
    fragmentation: roundForPicture(mean(bin.map(({ fragmentation }) => fragmentation)) ?? 0),
    freeness: roundForPicture(medianOf(bin, 'freeness')),
    leastFreeness: roundForPicture(medianOf(bin, 'leastFreeness')),
  }));
}
