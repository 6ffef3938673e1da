import { greatest } from 'd3-array';
import { formatBytes } from '../../harness/base/units.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { Results } from '../load.ts';
import { isBound, shownSeed, stackLooks, stackNamed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatestOf, seconds } from '../thin.ts';
import { arrivalRates, burstStretches, numArrivalBins, shownCells, timeDomain } from './arrivals.ts';
import type { ArrivalBin } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { counts, layer, stackPanels, timeLines, tips } from './grammar/index.ts';
import type { Look, Panel } from './grammar/index.ts';
import { memoryPanels } from './memory-panel.ts';
import { samplesOf } from '../samples.ts';
import type { Sample, Series } from '../samples.ts';

/** Samples of all panels together, and the most that one shows. */
const allSamples = 800;
const mostSamples = 200;

export const burstTimeline: Chart = {
  title: 'The burst: arrivals, queues and memory',
  question: 'When does the spike come, and what causes it?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.timeseries.length > 0);
    const first = cells[0];
    if (first === undefined) return absent('No finished cell has samples over time.');
    const domain = timeDomain(cells);
    if (first.requests.length === 0) return absent('The run ended before its first request.');
    const bins = arrivalRates(first.requests, domain[1], numArrivalBins);
    const maxSamples = shareOfPoints(allSamples, cells.length, { least: 50, most: mostSamples });
    const series = cells.map((cell) => ({ cell, samples: samplesOf(cell.timeseries) }));
    const panels = [
      arrivalPanel(bins),
      ...countPanels(results, series, maxSamples),
      ...memoryPanels(results, series, maxSamples),
    ];
    const frame = { columns: 1, gutterPx: 80, legend: cells.map(({ policy }) => policy) };
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panels, { time: { domain, bursts: burstStretches(bins) } }),
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

function answerOf(results: Results, series: readonly Series[], bins: readonly ArrivalBin[]): string {
  const peak = greatest(bins, (bin) => bin.rate);
  const parts = series.map(({ cell, samples }) => {
    const queue = greatestOf(samples.map(({ waiting }) => waiting));
    const preemptions = cell.decisions.filter((row) => row.kind === 'preempt' && row.outcome === 'applied');
    const kv = greatestOf(samples.map(({ kvUsedBytes }) => kvUsedBytes));
    const taken = isBound(results, cell.policy) ? ` with ${formatBytes(kv)} of KV` : '';
    return {
      queue: { text: `${cell.policy} ${formatNumber(queue)}${taken}`, score: queue },
      preemptions: { text: `${cell.policy} ${formatNumber(preemptions.length)}`, score: preemptions.length },
    };
  });
  const arrivals = `Arrivals peak at ${formatNumber(peak?.rate)} a second around ${formatNumber(peak?.start)} s.`;
  const queues = listOrExtremes(parts.map((part) => part.queue));
  return `${arrivals} Longest queue: ${queues}. Preemptions: ${listOrExtremes(parts.map((part) => part.preemptions))}.`;
}

function arrivalPanel(bins: readonly ArrivalBin[]): Panel {
  const rows = bins.filter(({ rate }) => rate > 0);
  return {
    title: 'Arrivals, requests a second',
    height: 56,
    y: { type: 'quantitative', axis: { title: null, tickCount: 3 } },
    layers: [
      layer({ type: 'rect', color: colour('muted') }, rows, {
        x: { field: 'start' },
        x2: { field: 'end' },
        y: { field: 'rate' },
        y2: { datum: 0 },
        tooltip: tips({ start: 'second', rate: 'requests a second' }),
      }),
    ],
  };
}

const countTitles = {
  waiting: 'Waiting requests',
  running: 'Running requests',
  exchanging: 'Requests stalled while their KV moves',
} satisfies Partial<Record<keyof Sample, string>>;

function countPanels(results: Results, series: readonly Series[], maxSamples: number): Panel[] {
  const rows = series.flatMap((one) => countRows(one, maxSamples));
  const looks = stackLooks(
    results,
    series.flatMap(({ cell }) => stackNamed(results, cell.policy) ?? []),
  );
  const panel = (key: keyof typeof countTitles) => countPanel(rows, key, looks);
  const isStalled = rows.some(({ exchanging }) => exchanging > 0);
  return [panel('waiting'), panel('running'), ...(isStalled ? [panel('exchanging')] : [])];
}

type CountRow = ReturnType<typeof countRows>[number];

function countPanel(rows: readonly CountRow[], key: keyof typeof countTitles, looks: readonly Look[]): Panel {
  const values = rows.map((row) => ({ s: row.s, stack: row.stack, count: row[key] }));
  return {
    title: countTitles[key],
    height: 84,
    y: counts(values.map(({ count }) => count)),
    layers: [timeLines(values, { y: 'count', by: 'stack', looks })],
  };
}

function countRows({ cell, samples }: Series, maxSamples: number) {
  return binBy(samples, (sample) => sample.timeUs, maxSamples).map((bin) => ({
    stack: cell.policy,
    s: seconds(bin[0]?.timeUs ?? 0),
    waiting: greatestOf(bin.map((sample) => sample.waiting)),
    running: greatestOf(bin.map((sample) => sample.running)),
    exchanging: greatestOf(bin.map((sample) => sample.exchanging)),
  }));
}
