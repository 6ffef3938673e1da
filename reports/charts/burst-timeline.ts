import type { StackInfo } from '../../harness/metrics/results.ts';
import { formatBytes } from '../../harness/base/units.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { Results } from '../load.ts';
import { shownSeed, stackNamed, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, greatestOf, roundForPicture } from '../thin.ts';
import { arrivalRates, burstLayer, burstStretches, shownCells, timeAxis, timeDomain } from './arrivals.ts';
import type { ArrivalBin, Stretch } from './arrivals.ts';
import { absent, lineLegend, plotWidth, scaleFrom0, shareOfPoints, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';
import { memoryBudget, memoryPanel, memoryUnit, presentKinds } from './memory-panel.ts';
import { samplesOf } from './samples.ts';
import type { Series } from './samples.ts';

/** Samples of all panels together, and the most that one shows. */
const allSamples = 800;
const mostSamples = 200;
const numArrivalBins = 80;

export const burstTimeline: Chart = {
  title: 'The burst: arrivals, queues and memory',
  question: 'When does the spike come, and what causes it?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.timeseries.length > 0);
    const first = cells[0];
    if (first === undefined) return absent('No finished cell has samples over time.');
    const domain = timeDomain(cells);
    const bins = arrivalRates(first.requests, domain[1], numArrivalBins);
    const maxSamples = shareOfPoints(allSamples, cells.length, { least: 50, most: mostSamples });
    const series = cells.map((cell) => ({ cell, samples: samplesOf(cell.timeseries) }));
    return {
      kind: 'drawn',
      spec: specOf(results, series, { domain, bins, bursts: burstStretches(bins), maxSamples }),
      answer: answerOf(results, series, bins),
      caption:
        `Seed ${shownSeed(results) ?? '?'}, all instances added up, one time axis for every panel; arrivals are those at ${first.policy}, tinted where above 1.5 times their mean. ` +
        `Memory from the bottom up: weights, weights loading, KV in use, free KV, reserve; they add up to the device memory; ${droppedWords(series)}dashed violet line: KV kept in host memory; ticks along the top: preemptions; an upright line: a fault. ` +
        'Free KV is added up over instances; in a pipeline of uneven stages the fullest stage decides, so that not all of it can be used. ' +
        'A bound is drawn up to what it used, with the others’ device memory as a dashed line. ' +
        `Thinned to at most ${maxSamples} samples a panel: of each stretch the longest queue and the fullest KV are kept, so no peak is lost.`,
    };
  },
};

function droppedWords(series: readonly Series[]): string {
  const hasDropped = series.some(({ cell }) => cell.summary.drop_count > 0);
  return hasDropped ? 'shaded up to the dotted line: KV memory that dropped weights have freed; ' : '';
}

interface Axis {
  readonly domain: readonly [number, number];
  readonly bins: readonly ArrivalBin[];
  readonly bursts: readonly Stretch[];
  readonly maxSamples: number;
}

function answerOf(results: Results, series: readonly Series[], bins: readonly ArrivalBin[]): string {
  const peak = greatest(bins, (bin) => bin.rate);
  const parts = series.map(({ cell, samples }) => {
    const queue = greatest(samples, (sample) => sample.waiting)?.waiting;
    const preemptions = cell.decisions.filter((row) => row.kind === 'preempt' && row.outcome === 'applied');
    const isBound = stackNamed(results, cell.policy)?.family === 'bound';
    const kv = greatest(samples, (sample) => sample.kvUsedBytes)?.kvUsedBytes ?? 0;
    const taken = isBound ? ` with ${formatBytes(kv)} of KV` : '';
    return {
      queue: { text: `${cell.policy} ${formatNumber(queue)}${taken}`, score: queue ?? 0 },
      preemptions: { text: `${cell.policy} ${formatNumber(preemptions.length)}`, score: preemptions.length },
    };
  });
  const arrivals = `Arrivals peak at ${formatNumber(peak?.rate)} a second around ${formatNumber(peak?.start)} s.`;
  const queues = listOrExtremes(parts.map((part) => part.queue));
  return `${arrivals} Longest queue: ${queues}. Preemptions: ${listOrExtremes(parts.map((part) => part.preemptions))}.`;
}

function specOf(results: Results, series: readonly Series[], axis: Axis) {
  const frame: Frame = { columns: 1, gutterPx: 80, legend: series.map(({ cell }) => cell.policy) };
  const width = plotWidth(frame);
  const stacks = series.flatMap(({ cell }) => stackNamed(results, cell.policy) ?? []);
  const counts = series.flatMap((one) => countRows(one, axis.maxSamples));
  const budget = memoryBudget(results, series);
  const legendKinds = presentKinds(series);
  return topLevel(frame, {
    spacing: 14,
    resolve: { legend: { color: 'independent', strokeDash: 'independent' }, scale: { color: 'independent' } },
    vconcat: [
      arrivalPanel(axis, width),
      countPanel(results, stacks, {
        axis,
        width,
        counts,
        field: 'waiting',
        title: 'Waiting requests',
        hasLegend: true,
      }),
      countPanel(results, stacks, {
        axis,
        width,
        counts,
        field: 'running',
        title: 'Running requests',
        hasLegend: false,
      }),
      ...(counts.some((row) => row.exchanging > 0)
        ? [
            countPanel(results, stacks, {
              axis,
              width,
              counts,
              field: 'exchanging',
              title: 'Requests stalled by a KV exchange',
              hasLegend: false,
            }),
          ]
        : []),
      ...series.map((one, index) =>
        memoryPanel(one, {
          ...axis,
          width,
          budget,
          unit: memoryUnit(budget),
          isBound: stackNamed(results, one.cell.policy)?.family === 'bound',
          isFirst: index === 0,
          legendKinds,
          isLowest: index === series.length - 1,
        }),
      ),
    ],
  });
}

function arrivalPanel({ domain, bins, bursts }: Axis, width: number) {
  return {
    title: 'Arrivals, requests a second',
    width,
    height: 56,
    layer: [
      burstLayer(bursts),
      {
        data: { values: bins.filter((bin) => bin.rate > 0) },
        mark: { type: 'rect' as const, color: colour('muted') },
        encoding: {
          x: { field: 'start', ...timeAxis(domain, false) },
          x2: { field: 'end' },
          y: { field: 'rate', type: 'quantitative' as const, axis: { title: null, tickCount: 3 } },
          y2: { datum: 0 },
          tooltip: [
            { field: 'start', type: 'quantitative' as const, title: 'second' },
            { field: 'rate', type: 'quantitative' as const, title: 'requests a second' },
          ],
        },
      },
    ],
  };
}

interface CountPanelOptions {
  readonly axis: Axis;
  readonly width: number;
  readonly counts: ReturnType<typeof countRows>;
  readonly field: 'waiting' | 'running' | 'exchanging';
  readonly title: string;
  readonly hasLegend: boolean;
}

function countPanel(results: Results, stacks: readonly StackInfo[], options: CountPanelOptions) {
  const { axis, width, counts, field, title, hasLegend } = options;
  const scales = stackScales(results, stacks);
  const legend = { legend: hasLegend ? lineLegend : null };
  return {
    title,
    width,
    height: 84,
    layer: [
      burstLayer(axis.bursts),
      {
        data: { values: counts.map((row) => ({ s: row.s, stack: row.stack, count: row[field] })) },
        mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.8 },
        encoding: {
          x: { field: 's', ...timeAxis(axis.domain, false) },
          y: {
            field: 'count',
            type: 'quantitative' as const,
            ...scaleFrom0(counts.map((row) => row[field])),
            axis: { title: null, tickCount: 4, tickMinStep: 1 },
          },
          color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, ...legend },
          strokeDash: { field: 'stack', type: 'nominal' as const, scale: scales.dash, ...legend },
        },
      },
    ],
  };
}

function countRows({ cell, samples }: Series, maxSamples: number) {
  return binBy(samples, (sample) => sample.timeUs, maxSamples).map((bin) => ({
    stack: cell.policy,
    s: roundForPicture((bin[0]?.timeUs ?? 0) / 1e6),
    waiting: greatestOf(bin.map((sample) => sample.waiting)),
    running: greatestOf(bin.map((sample) => sample.running)),
    exchanging: greatestOf(bin.map((sample) => sample.exchanging)),
  }));
}
