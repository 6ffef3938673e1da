import { formatBytes } from '../../harness/base/units.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import type { ColourName } from '../theme.ts';
import { greatestOf, roundForPicture } from '../thin.ts';
import { addedUp, trafficKinds } from '../traffic.ts';
import type { LinkTraffic, Traffic, TrafficKind } from '../traffic.ts';
import { shownCells, timeAxis, timeDomain } from './arrivals.ts';
import {
  absent,
  leastTextPx,
  lineLegend,
  logTicks,
  plotWidth,
  rowStep,
  shareOfPoints,
  topLevel,
} from './chart.ts';
import type { Chart, Frame } from './chart.ts';

/** Stretches of all lines and rows together. */
const allStretches = 6000;
const mib = 2 ** 20;
/** Rates below this share of the peak stand at the foot of the axis. */
const foot = 1e-5;

const kindStyles: Readonly<Record<TrafficKind, { label: string; hue: ColourName; dash: readonly number[] }>> =
  {
    activations: { label: 'activations', hue: 'activations', dash: [] },
    attention: { label: 'remote attention', hue: 'attention', dash: [6, 2] },
    exchange: { label: 'KV exchange', hue: 'exchange', dash: [] },
    migration: { label: 'migration', hue: 'migration', dash: [6, 2] },
    swap: { label: 'swap', hue: 'hostKv', dash: [2, 2] },
    weights: { label: 'weights', hue: 'weights', dash: [] },
  };

export const traffic: Chart = {
  title: 'Traffic on links',
  question: 'What travels when, and does it get in the way of the activations?',
  draw(results) {
    const cells = shownCells(results).filter(({ traffic: { byKind } }) =>
      [...byKind.values()].some((bytes) => totalOf(bytes) > 0),
    );
    if (cells.length === 0)
      return absent('Nothing travelled between instances, or between an instance and its host.');
    const numRows = cells.reduce(
      (sum, { traffic: { byKind, byLink } }) => sum + byKind.size + byLink.length,
      0,
    );
    const maxStretches = shareOfPoints(allStretches, numRows, { least: 24, most: 128 });
    const rates = cells.map((cell) => ratesOf(cell, maxStretches));
    const peaks = {
      ofKinds: greatestOf(rates.flatMap(({ byKind }) => byKind.flatMap((one) => one.rates))),
      ofLinks: greatestOf(rates.flatMap(({ byLink }) => byLink.flatMap((one) => one.rates))),
    };
    return {
      kind: 'drawn',
      spec: specOf(rates, peaks, timeDomain(cells)),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}. Upper picture of each stack: bytes a second by kind, all links added up; the scale is logarithmic, since activations are small and an exchange is large, and a line at the foot means nothing or next to nothing. ` +
        `Lower picture: the same bytes by link, each direction on its own, the stronger the colour, the more (square root, one scale for all stacks, full at ${formatNumber(peaks.ofLinks)} MiB a second), total at the right; host stands for the host’s memory and its disk. ` +
        `A transfer is spread evenly over the time that it took; at most ${maxStretches} stretches of time.`,
    };
  },
};

function totalOf(bytes: Float64Array): number {
  return bytes.reduce((sum, value) => sum + value, 0);
}

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map(({ policy, traffic: { byKind } }) => {
    const kinds = trafficKinds.flatMap((kind) => {
      const bytes = byKind.get(kind);
      return bytes === undefined ? [] : `${kindStyles[kind].label} ${formatBytes(totalOf(bytes))}`;
    });
    const score = [...byKind.values()].reduce((sum, bytes) => sum + totalOf(bytes), 0);
    const text = kinds.length === 1 ? kinds.join('') : `${formatBytes(score)} (${kinds.join(', ')})`;
    return { text: `${policy} ${text}`, score };
  });
  return `Sent in the whole run: ${listOrExtremes(parts)}.`;
}

/** A cell's traffic in few enough stretches, as rates in MiB a second. */
interface Rates {
  readonly policy: string;
  readonly stretchS: number;
  readonly byKind: readonly { kind: TrafficKind; rates: readonly number[] }[];
  readonly byLink: readonly { name: string; total: string; rates: readonly number[] }[];
}

function ratesOf({ policy, traffic: all }: DoneCell, maxStretches: number): Rates {
  const size = Math.ceil(all.numStretches / maxStretches);
  const stretchS = (all.stretchUs * size) / 1e6;
  const rates = (bytes: Float64Array) =>
    [...addedUp(bytes.subarray(0, all.numStretches), size)].map((sum) => sum / stretchS / mib);
  return {
    policy,
    stretchS,
    byKind: trafficKinds.flatMap((kind) => {
      const bytes = all.byKind.get(kind);
      return bytes === undefined ? [] : [{ kind, rates: rates(bytes) }];
    }),
    byLink: all.byLink.map((link) => ({
      name: linkName(link, all),
      total: formatBytes(totalOf(link.bytes)),
      rates: rates(link.bytes),
    })),
  };
}

function linkName({ instance, direction }: LinkTraffic, { byLink }: Traffic): string {
  const width = String(greatestOf(byLink.map((link) => link.instance))).length;
  const name = String(instance).padStart(width, '\u2007');
  const names = {
    'to instances': `${name} → others`,
    'from instances': `others → ${name}`,
    'to host': `${name} → host`,
    'from host': `host → ${name}`,
  };
  return names[direction];
}

interface Peaks {
  readonly ofKinds: number;
  readonly ofLinks: number;
}

function specOf(all: readonly Rates[], peaks: Peaks, domain: readonly [number, number]) {
  const frame: Frame = { columns: 1, gutterPx: 145 };
  const width = plotWidth(frame);
  const kinds = trafficKinds.filter((kind) =>
    all.some(({ byKind }) => byKind.some((one) => one.kind === kind)),
  );
  return topLevel(frame, {
    spacing: 14,
    resolve: { legend: { color: 'independent', strokeDash: 'independent' } },
    vconcat: all.flatMap((rates, index) => [
      kindPanel(rates, { domain, width, peak: peaks.ofKinds, kinds, hasLegend: index === 0 }),
      linkPanel(rates, { domain, width, peak: peaks.ofLinks, isLowest: index === all.length - 1 }),
    ]),
  });
}

interface PanelOptions {
  readonly domain: readonly [number, number];
  readonly width: number;
  /** Greatest rate, MiB a second. */
  readonly peak: number;
}

function kindPanel(
  { policy, stretchS, byKind }: Rates,
  {
    domain,
    width,
    peak,
    kinds,
    hasLegend,
  }: PanelOptions & { kinds: readonly TrafficKind[]; hasLegend: boolean },
) {
  const range: [number, number] = [roundForPicture(peak * foot), roundForPicture(peak * 1.5)];
  const values = byKind.flatMap(({ kind, rates }) =>
    [...rates, 0].map((rate, index) => ({
      kind: kindStyles[kind].label,
      s: roundForPicture(index * stretchS),
      rate: roundForPicture(Math.max(rate, range[0])),
    })),
  );
  const names = kinds.map((kind) => kindStyles[kind].label);
  const legend = { legend: hasLegend ? lineLegend : null };
  return {
    title: `${policy}: MiB a second by kind`,
    width,
    height: 104,
    data: { values },
    mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.6, clip: true },
    encoding: {
      x: { field: 's', ...timeAxis(domain, false) },
      y: {
        field: 'rate',
        type: 'quantitative' as const,
        scale: { type: 'log' as const, domain: range, nice: false },
        axis: { title: null, values: logTicks(...range, 6), format: '~g' },
      },
      color: {
        field: 'kind',
        type: 'nominal' as const,
        scale: { domain: names, range: kinds.map((kind) => colour(kindStyles[kind].hue)) },
        ...legend,
      },
      strokeDash: {
        field: 'kind',
        type: 'nominal' as const,
        scale: { domain: names, range: kinds.map((kind) => [...kindStyles[kind].dash]) },
        ...legend,
      },
      tooltip: [
        { field: 'kind', type: 'nominal' as const },
        { field: 's', type: 'quantitative' as const, title: 'from, s' },
        { field: 'rate', type: 'quantitative' as const, title: 'MiB a second' },
      ],
    },
  };
}

function linkPanel(
  { policy, stretchS, byLink }: Rates,
  { domain, width, peak, isLowest }: PanelOptions & { isLowest: boolean },
) {
  const values = byLink.flatMap(({ name, rates }) =>
    rates.flatMap((rate, index) => {
      if (rate === 0) return [];
      return {
        link: name,
        start: roundForPicture(index * stretchS),
        end: roundForPicture((index + 1) * stretchS),
        rate: roundForPicture(rate),
      };
    }),
  );
  const step = rowStep(byLink.length, { pictureHeightPx: 420, mostPx: 17 });
  const totals =
    step < leastTextPx ? [] : byLink.map(({ name, total }) => ({ link: name, total, end: domain[1] }));
  const y = {
    field: 'link',
    type: 'nominal' as const,
    sort: byLink.map(({ name }) => name),
    axis: { title: null, domain: false, ticks: false, labelOverlap: true },
  };
  return {
    title: `${policy}: by link`,
    width,
    height: { step },
    layer: [
      {
        data: { values },
        mark: { type: 'rect' as const, color: colour('stack0'), height: { band: 0.8 }, clip: true },
        encoding: {
          x: { field: 'start', ...timeAxis(domain, isLowest) },
          x2: { field: 'end' },
          y,
          opacity: {
            field: 'rate',
            type: 'quantitative' as const,
            scale: { type: 'sqrt' as const, domain: [0, roundForPicture(peak)], range: [0.06, 1] },
            legend: null,
          },
          tooltip: [
            { field: 'link', type: 'nominal' as const },
            { field: 'start', type: 'quantitative' as const, title: 'from, s' },
            { field: 'rate', type: 'quantitative' as const, title: 'MiB a second' },
          ],
        },
      },
      {
        data: { values: totals },
        mark: { type: 'text' as const, align: 'left' as const, dx: 6, color: colour('muted') },
        encoding: {
          x: { field: 'end', type: 'quantitative' as const },
          y,
          text: { field: 'total', type: 'nominal' as const },
        },
      },
    ],
  };
}
