import { mean } from '../../harness/base/stats.ts';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { hasMigrated, hasScaled } from '../fleet.ts';
import { formatNumber, formatPercent, listOrExtremes } from '../format.ts';
import { freeMemoryOf, kvBytesPerToken, medianOf } from '../free-memory.ts';
import type { FreeMemory } from '../free-memory.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, shownStacks, stackNamed, stackScales } from '../stacks.ts';
import { binBy, greatestOf, roundForPicture } from '../thin.ts';
import { arrivalRates, burstLayer, burstStretches, shownCells, timeAxis, timeDomain } from './arrivals.ts';
import type { Stretch } from './arrivals.ts';
import { absent, lineLegend, plotWidth, scaleFrom0, shareOfPoints, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

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
    const lines = limitedCells(results).map(
      (cell): Line => ({ cell, samples: freeMemoryOf(cell, bytesPerToken) }),
    );
    const maxPoints = shareOfPoints(allPoints, lines.length, { least: 50, most: 120 });
    return {
      kind: 'drawn',
      spec: specOf(results, lines, maxPoints),
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

function limitedCells(results: Results): readonly DoneCell[] {
  return shownCells(results).filter(({ policy }) => stackNamed(results, policy)?.family !== 'bound');
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

interface Axis {
  readonly domain: readonly [number, number];
  readonly bursts: readonly Stretch[];
  readonly width: number;
}

function specOf(results: Results, lines: readonly Line[], maxPoints: number) {
  const stacks = lines.flatMap(({ cell }) => stackNamed(results, cell.policy) ?? []);
  const frame: Frame = { columns: 1, gutterPx: 80, legend: stacks.map(({ name }) => name) };
  const domain = timeDomain(lines.map(({ cell }) => cell));
  const bins = arrivalRates(lines[0]?.cell.requests ?? [], domain[1], 80);
  const axis: Axis = { domain, bursts: burstStretches(bins), width: plotWidth(frame) };
  const rows = lines.flatMap(({ cell, samples }) =>
    binBy(samples, (sample) => sample.timeUs, maxPoints).map((bin) => ({
      stack: cell.policy,
      s: roundForPicture((bin[0]?.timeUs ?? 0) / 1e6),
      fragmentation: roundForPicture(mean(bin.map((sample) => sample.fragmentation)) ?? 0),
      freeness: roundForPicture(medianOf(bin, 'freeness')),
      leastFreeness: roundForPicture(medianOf(bin, 'leastFreeness')),
    })),
  );
  const panelOf = (field: PanelField, isLowest: boolean) =>
    panel(results, stacks, { axis, field, isLowest, rows });
  return topLevel(frame, {
    spacing: 14,
    resolve: { legend: { color: 'independent', strokeDash: 'independent' } },
    vconcat: [panelOf('fragmentation', false), panelOf('freeness', false), panelOf('leastFreeness', true)],
  });
}

type PanelField = 'fragmentation' | 'freeness' | 'leastFreeness';

const titles: Readonly<Record<PanelField, string>> = {
  fragmentation: 'Fragmented share of KV memory',
  freeness: 'Freeness of the cluster, decode steps',
  leastFreeness: 'Freeness of the fullest group, decode steps',
};

interface PanelOptions {
  readonly axis: Axis;
  readonly field: PanelField;
  readonly isLowest: boolean;
  readonly rows: readonly ({ readonly stack: string; readonly s: number } & Readonly<
    Record<PanelField, number>
  >)[];
}

function panel(
  results: Results,
  stacks: readonly StackInfo[],
  { axis, field, isLowest, rows }: PanelOptions,
) {
  const scales = stackScales(results, stacks);
  const legend = { legend: field === 'fragmentation' ? lineLegend : null };
  const scale =
    field === 'fragmentation'
      ? scaleFrom0(rows.map((row) => row.fragmentation))
      : { scale: { type: 'symlog' as const, constant: 10, nice: false } };
  const ticks =
    field === 'fragmentation'
      ? { tickCount: 4, format: '.1~%' }
      : {
          values: [-10_000, -1000, -100, 0, 100, 1000, 10_000],
          labelExpr: "format(datum.value, ',d')",
        };
  return {
    title: titles[field],
    width: axis.width,
    height: 110,
    layer: [
      burstLayer(axis.bursts),
      {
        data: { values: rows.map((row) => ({ s: row.s, stack: row.stack, value: row[field] })) },
        mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.8 },
        encoding: {
          x: { field: 's', ...timeAxis(axis.domain, isLowest) },
          y: { field: 'value', type: 'quantitative' as const, ...scale, axis: { title: null, ...ticks } },
          color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, ...legend },
          strokeDash: { field: 'stack', type: 'nominal' as const, scale: scales.dash, ...legend },
        },
      },
    ],
  };
}
