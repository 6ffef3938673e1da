import { sum } from 'd3-array';
import { formatBytes } from '../../harness/base/units.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { greatestOf, roundForPicture } from '../thin.ts';
import { addedUp, trafficKinds } from '../traffic.ts';
import type { LinkTraffic, Traffic, TrafficKind } from '../traffic.ts';
import { shownCells, timeDomain } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { laneTotals, lanes, logarithmic, stackPanels, timeLines, tips } from './grammar/index.ts';
import type { Look, Panel } from './grammar/index.ts';

/** Stretches of all lines and rows together. */
const allStretches = 6000;
const mib = 2 ** 20;
/** Rates below this share of the peak stand at the foot of the axis. */
const foot = 1e-5;

const kindLooks: Readonly<Record<TrafficKind, Look>> = {
  activations: { name: 'activations', hue: colour('activations') },
  attention: { name: 'remote attention', hue: colour('attention'), dash: [6, 2] },
  exchange: { name: 'KV exchange', hue: colour('exchange') },
  migration: { name: 'migration', hue: colour('migration'), dash: [6, 2] },
  swap: { name: 'swap', hue: colour('hostKv'), dash: [2, 2] },
  weights: { name: 'weights', hue: colour('weights') },
};

export const traffic: Chart = {
  title: 'Traffic on links',
  question: 'What travels when, and does it get in the way of the activations?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => totalOf(cell) > 0);
    if (cells.length === 0)
      return absent('Nothing travelled between instances, or between an instance and its host.');
    const numRows = sum(cells, ({ traffic: { byKind, byLink } }) => byKind.size + byLink.length);
    const maxStretches = shareOfPoints(allStretches, numRows, { least: 24, most: 128 });
    const rates = cells.map((cell) => ratesOf(cell, maxStretches));
    const peak = greatestOf(rates.flatMap(({ byLink }) => byLink.flatMap((one) => one.rates)));
    const domain = timeDomain(cells);
    return {
      kind: 'drawn',
      spec: stackPanels({ columns: 1, gutterPx: 145 }, panelsOf(rates, peak), {
        time: { domain, bursts: [] },
      }),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}. Upper picture of each stack: bytes a second by kind, all links added up; the scale is logarithmic, since activations are small and an exchange is large, and a line at the foot means nothing or next to nothing. ` +
        `Lower picture: the same bytes by link, each direction on its own, the stronger the colour, the more (square root, one scale for all stacks, full at ${formatNumber(peak)} MiB a second), total at the right; host stands for the host’s memory and its disk. ` +
        `A transfer is spread evenly over the time that it took; at most ${maxStretches} stretches of time.`,
    };
  },
};

function totalOf({ traffic: { byKind } }: DoneCell): number {
  return sum(byKind.values(), (bytes) => sum(bytes));
}

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map((cell) => {
    const kinds = trafficKinds.flatMap((kind) => {
      const bytes = cell.traffic.byKind.get(kind);
      return bytes === undefined ? [] : [`${kindLooks[kind].name} ${formatBytes(sum(bytes))}`];
    });
    const score = totalOf(cell);
    const text = kinds.length === 1 ? kinds.join('') : `${formatBytes(score)} (${kinds.join(', ')})`;
    return { text: `${cell.policy} ${text}`, score };
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
    [...addedUp(bytes.subarray(0, all.numStretches), size)].map((own) => own / stretchS / mib);
  return {
    policy,
    stretchS,
    byKind: trafficKinds.flatMap((kind) => {
      const bytes = all.byKind.get(kind);
      return bytes === undefined ? [] : [{ kind, rates: rates(bytes) }];
    }),
    byLink: all.byLink.map((link) => ({
      name: linkName(link, all),
      total: formatBytes(sum(link.bytes)),
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

function panelsOf(all: readonly Rates[], peakOfLinks: number): Panel[] {
  const kinds = all.flatMap(({ byKind }) => byKind);
  const peak = greatestOf(kinds.flatMap(({ rates }) => rates));
  const looks = trafficKinds.flatMap((kind) =>
    kinds.some((one) => one.kind === kind) ? kindLooks[kind] : [],
  );
  return all.flatMap((rates) => [kindPanel(rates, looks, peak), linkPanel(rates, peakOfLinks)]);
}

function kindPanel({ policy, stretchS, byKind }: Rates, looks: readonly Look[], peak: number): Panel {
  const low = roundForPicture(peak * foot);
  const rows = byKind.flatMap(({ kind, rates }) =>
    [...rates, 0].map((rate, index) => ({
      kind: kindLooks[kind].name,
      s: roundForPicture(index * stretchS),
      rate: roundForPicture(Math.max(rate, low)),
    })),
  );
  const lines = timeLines(rows, {
    y: 'rate',
    by: 'kind',
    looks,
    look: { strokeWidth: 1.6, clip: true },
    tooltip: tips({ kind: 'kind', s: 'from, s', rate: 'MiB a second' }),
  });
  return {
    title: `${policy}: MiB a second by kind`,
    stack: policy,
    height: 104,
    y: logarithmic(low, roundForPicture(peak * 1.5), { format: '~g' }),
    layers: [lines],
  };
}

function linkPanel({ policy, stretchS, byLink }: Rates, peak: number): Panel {
  const rows = byLink.flatMap(({ name, rates }) =>
    rates.flatMap((rate, index) => {
      if (rate === 0) return [];
      return {
        lane: name,
        start: roundForPicture(index * stretchS),
        end: roundForPicture((index + 1) * stretchS),
        rate: roundForPicture(rate),
      };
    }),
  );
  return lanes({
    title: `${policy}: by link`,
    stack: policy,
    names: byLink.map(({ name }) => name),
    rows,
    hue: colour('stack0'),
    mostPx: 17,
    pictureHeightPx: 420,
    encoding: {
      opacity: {
        field: 'rate',
        type: 'quantitative',
        scale: { type: 'sqrt', domain: [0, roundForPicture(peak)], range: [0.06, 1] },
        legend: null,
      },
      tooltip: tips({ lane: 'link', start: 'from, s', rate: 'MiB a second' }),
    },
    texts: [laneTotals(new Map(byLink.map(({ name, total }) => [name, total])))],
  });
}
