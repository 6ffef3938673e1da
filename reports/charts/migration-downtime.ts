import { median, range } from 'd3-array';
import type { MigrationRow } from '../../harness/metrics/results.ts';
import { formatNumber, joinWords } from '../format.ts';
import { doneCells } from '../load.ts';
import type { Results } from '../load.ts';
import { colour } from '../theme.ts';
import { peaksOf, roundForPicture } from '../thin.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  byLook,
  extent,
  layer,
  legends,
  logarithmic,
  logarithmicAround,
  msLabels,
  stackPanels,
  tips,
} from './grammar/index.ts';
import type { Encoding, Look } from './grammar/index.ts';

const maxPoints = 1500;
/** Medians of a protocol, each of equally many migrations. */
const numMedians = 8;
/** Shorter ones stand at the foot of the logarithmic axis. */
const leastMs = 0.001;

const protocols: readonly Look[] = [
  { name: 'live', hue: colour('stack0'), shape: 'circle', dash: [] },
  { name: 'blocking', hue: colour('stack1'), shape: 'triangle-up', dash: [7, 3] },
];

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
    migrations.flatMap(({ protocol, tokens, downtime_us: downtimeUs }) => {
      if (downtimeUs === null) return [];
      const ms = Math.max(leastMs, downtimeUs / 1000);
      return [{ protocol, stack: policy, tokens: Math.max(1, tokens), ms }];
    }),
  );
}

function presentProtocols(moves: readonly Move[]): readonly Look[] {
  return protocols.filter(({ name }) => moves.some(({ protocol }) => protocol === name));
}

/** Below and above the median length of each protocol, which a constant downtime does not tell apart. */
function answerOf(moves: readonly Move[]): string {
  const parts = presentProtocols(moves).map(({ name }) => {
    const own = moves.filter(({ protocol }) => protocol === name);
    const middle = median(own, ({ tokens }) => tokens) ?? 0;
    const short = median(own, ({ tokens, ms }) => (tokens <= middle ? ms : undefined));
    const long = median(own, ({ tokens, ms }) => (tokens > middle ? ms : undefined));
    if (long === undefined) return `${name} ${formatNumber(short)} ms, all of one length`;
    return `${name} ${formatNumber(short)} ms up to ${formatNumber(middle)} tokens and ${formatNumber(long)} ms above`;
  });
  return `Median downtime: ${joinWords(parts)}.`;
}

function specOf(moves: readonly Move[]) {
  const looks = presentProtocols(moves);
  const byProtocol = looks.map(({ name }) => moves.filter(({ protocol }) => protocol === name));
  const maxBins = Math.floor(maxPoints / looks.length);
  const points = byProtocol.flatMap((own) =>
    peaksOf(
      own,
      ({ tokens }) => tokens,
      maxBins,
      ({ ms }) => ms,
    ),
  );
  const rows = points.map((move) => ({ ...move, ms: roundForPicture(move.ms) }));
  const { low, high } = extent(moves.map(({ tokens }) => tokens));
  const lengths = { title: 'tokens of the request, logarithmic', grid: true, maxTicks: 9, format: ',d' };
  const { color, shape, strokeDash } = byLook('protocol', looks, legends.points);
  const place: Encoding = { x: { field: 'tokens' }, y: { field: 'ms' }, color };
  return stackPanels({ columns: 1, gutterPx: 72 }, [
    {
      height: 260,
      x: logarithmic(low, high, lengths),
      y: logarithmicAround(
        moves.map(({ ms }) => ms),
        1.4,
        { title: 'downtime, logarithmic', labelExpr: msLabels },
      ),
      layers: [
        layer({ type: 'point', filled: true, size: 26, opacity: 0.45 }, rows, {
          ...place,
          shape,
          tooltip: tips('stack', 'protocol', 'tokens', { ms: 'downtime, ms' }),
        }),
        layer({ type: 'line', strokeWidth: 2.4 }, byProtocol.flatMap(mediansOf), { ...place, strokeDash }),
      ],
    },
  ]);
}

/** Medians of equally many moves, from the shortest to the longest. */
function mediansOf(moves: readonly Move[]) {
  const ordered = moves.toSorted((a, b) => a.tokens - b.tokens);
  const size = Math.ceil(ordered.length / numMedians);
  return range(0, ordered.length, size).map((start) => {
    const part = ordered.slice(start, start + size);
    return {
      protocol: part[0]?.protocol,
      tokens: roundForPicture(median(part, ({ tokens }) => tokens) ?? 1),
      ms: roundForPicture(median(part, ({ ms }) => ms) ?? leastMs),
    };
  });
}
