import { quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import type { MigrationRow } from '../../harness/metrics/results.ts';
import { formatNumber, joinWords } from '../format.ts';
import { doneCells } from '../load.ts';
import type { Results } from '../load.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, roundForPicture } from '../thin.ts';
import { absent, extent, logTicks, msLabels, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const maxPoints = 1500;
/** Medians of a protocol, each of equally many migrations. */
const numMedians = 8;
/** Shorter ones stand at the foot of the logarithmic axis. */
const leastMs = 0.001;

const protocols = [
  { protocol: 'live', hue: colour('stack0'), shape: 'circle', dash: [] },
  { protocol: 'blocking', hue: colour('stack1'), shape: 'triangle-up', dash: [7, 3] },
] as const;

export const migrationDowntime: Chart = {
  title: 'Downtime of migrations against length',
  question: 'Does moving a long request stop it for longer than moving a short one?',
  draw(results) {
    const moves = movesOf(results);
    if (moves.length === 0) return absent('No running request moved to another instance with its KV.');
    return {
      kind: 'drawn',
      spec: specOf(moves),
      answer: answerOf(moves),
      caption:
        'All stacks and seeds; one mark a migration that was done: from when the request stopped at its source until it could run at the target, over its tokens at that time. ' +
        `Lines: medians of at most ${numMedians} equally large parts, from the shortest to the longest; a flat one means that downtime does not grow with length. Both axes are logarithmic. Of each of at most ${maxPoints} stretches of length the longest downtime is drawn.`,
    };
  },
};

interface Move {
  readonly protocol: MigrationRow['protocol'];
  readonly stack: string;
  readonly tokens: number;
  readonly ms: number;
}

function movesOf(results: Results): Move[] {
  return doneCells(results).flatMap(({ policy, migrations }) =>
    migrations.flatMap(({ protocol, tokens, downtime_us: downtimeUs }) =>
      downtimeUs === null
        ? []
        : [
            {
              protocol,
              stack: policy,
              tokens: Math.max(1, tokens),
              ms: Math.max(leastMs, downtimeUs / 1000),
            },
          ],
    ),
  );
}

function presentProtocols(moves: readonly Move[]) {
  return protocols.filter(({ protocol }) => moves.some((move) => move.protocol === protocol));
}

/** Below and above the median length of each protocol, which a constant downtime does not tell apart. */
function answerOf(moves: readonly Move[]): string {
  const parts = presentProtocols(moves).map(({ protocol }) => {
    const own = moves.filter((move) => move.protocol === protocol);
    const middle = quantileOfSorted(sorted(own.map(({ tokens }) => tokens)), 0.5) ?? 0;
    const short = medianMs(own.filter(({ tokens }) => tokens <= middle));
    const long = medianMs(own.filter(({ tokens }) => tokens > middle));
    if (long === undefined) return `${protocol} ${formatNumber(short)} ms, all of one length`;
    return `${protocol} ${formatNumber(short)} ms up to ${formatNumber(middle)} tokens and ${formatNumber(long)} ms above`;
  });
  return `Median downtime: ${joinWords(parts)}.`;
}

function medianMs(moves: readonly Move[]): number | undefined {
  return quantileOfSorted(sorted(moves.map(({ ms }) => ms)), 0.5);
}

function specOf(moves: readonly Move[]) {
  const frame: Frame = { columns: 1, gutterPx: 72 };
  const shown = presentProtocols(moves);
  const maxOfEach = Math.floor(maxPoints / shown.length);
  const byProtocol = shown.map(({ protocol }) => moves.filter((move) => move.protocol === protocol));
  const points = byProtocol.flatMap((own) =>
    binBy(own, ({ tokens }) => tokens, maxOfEach).flatMap((bin) => greatest(bin, ({ ms }) => ms) ?? []),
  );
  const { color, shape, strokeDash } = looks(moves);
  const shared = { ...positions(moves), color };
  return topLevel(frame, {
    width: plotWidth(frame),
    height: 260,
    layer: [
      {
        data: { values: points.map((move) => ({ ...move, ms: roundForPicture(move.ms) })) },
        mark: { type: 'point', filled: true, size: 26, opacity: 0.45 },
        encoding: {
          ...shared,
          shape,
          tooltip: [
            { field: 'stack', type: 'nominal' },
            { field: 'protocol', type: 'nominal' },
            { field: 'tokens', type: 'quantitative' },
            { field: 'ms', type: 'quantitative', title: 'downtime, ms' },
          ],
        },
      },
      {
        data: { values: byProtocol.flatMap(mediansOf) },
        mark: { type: 'line', strokeWidth: 2.4 },
        encoding: { ...shared, strokeDash },
      },
    ],
  });
}

function positions(moves: readonly Move[]) {
  const lengths = extent(moves.map(({ tokens }) => tokens));
  const { low, high } = extent(moves.map(({ ms }) => ms));
  const range: [number, number] = [roundForPicture(low / 1.4), roundForPicture(high * 1.4)];
  return {
    x: {
      field: 'tokens',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, nice: false },
      axis: {
        title: 'tokens of the request, logarithmic',
        grid: true,
        values: logTicks(lengths.low, lengths.high, 9),
        format: ',d',
      },
    },
    y: {
      field: 'ms',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, domain: range, nice: false },
      axis: { title: 'downtime, logarithmic', values: logTicks(...range, 6), labelExpr: msLabels },
    },
  };
}

/** Colour, and the shape or dash that says the same. */
function looks(moves: readonly Move[]) {
  const shown = presentProtocols(moves);
  const domain = shown.map(({ protocol }) => protocol);
  const shared = {
    field: 'protocol',
    type: 'nominal' as const,
    legend: { symbolSize: 110, symbolOpacity: 1 },
  };
  return {
    color: { ...shared, scale: { domain, range: shown.map(({ hue }) => hue) } },
    shape: { ...shared, scale: { domain, range: shown.map(({ shape }) => shape) } },
    strokeDash: { ...shared, scale: { domain, range: shown.map(({ dash }) => [...dash]) } },
  };
}

function mediansOf(moves: readonly Move[]) {
  const ordered = moves.toSorted((a, b) => a.tokens - b.tokens);
  const size = Math.ceil(ordered.length / numMedians);
  return Array.from({ length: Math.ceil(ordered.length / size) }, (_, index) => {
    const part = ordered.slice(index * size, (index + 1) * size);
    return {
      protocol: part[0]?.protocol,
      tokens: roundForPicture(quantileOfSorted(sorted(part.map(({ tokens }) => tokens)), 0.5) ?? 1),
      ms: roundForPicture(medianMs(part) ?? leastMs),
    };
  });
}
