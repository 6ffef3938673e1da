import type { MigrationRow } from '../../harness/metrics/results.ts';
import { Phases } from '../fleet.ts';
import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { greatestOf, peaksOf, seconds } from '../thin.ts';
import { shownCells, timeDomain } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { byLook, lanes, layer, legends, stackPanels, tips } from './grammar/index.ts';
import type { Layer, Look, Panel } from './grammar/index.ts';
import { phaseSegments } from '../segments.ts';

/** Migrations of all panels together. */
const allMigrations = 1200;

const outcomes: readonly Look[] = [
  { name: 'done', hue: colour('migration') },
  { name: 'aborted', hue: colour('ink'), dash: [3, 2] },
];

export const migrations: Chart = {
  title: 'Migrations between instances',
  question: 'Which instance sent requests to which, when, and did they arrive?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.migrations.length > 0);
    if (cells.length === 0) return absent('No stack moved a running request to another instance.');
    const most = shareOfPoints(allMigrations, cells.length, { least: 100, most: 500 });
    const phases = new Phases(cells);
    const frame = { columns: 1, gutterPx: 72, legend: phases.all.map(({ name }) => name) };
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panelsOf(cells, phases, most), {
        time: { domain: timeDomain(cells), bursts: [] },
      }),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one lane an instance, drawn while it is there; a line leads from the source, where the migration begins, to the dot at the target, where it ends; a dashed one was aborted and the request went on at its source. ` +
        `Downtime, length and stages are under the pointer. Of each of at most ${most} stretches of time a stack the migration with the longest downtime is drawn.`,
    };
  },
};

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map(({ policy, migrations: rows }) => {
    const numAborted = rows.filter(({ outcome }) => outcome === 'aborted').length;
    const downtimes = rows.flatMap(({ downtime_us: downtimeUs }) => downtimeUs ?? []);
    const longest = `longest downtime ${ms(greatestOf(downtimes))}`;
    const text = `${policy} ${plural(rows.length, 'migration')} (${formatNumber(numAborted)} aborted, ${longest})`;
    return { text, score: rows.length };
  });
  return `Moved while running: ${listOrExtremes(parts)}.`;
}

function panelsOf(cells: readonly DoneCell[], phases: Phases, most: number): Panel[] {
  const segments = cells.map((cell) => phaseSegments(cell, phases));
  const looks = phases.all.filter(({ name }) =>
    segments.some((own) => own.some(({ phase }) => phase === name)),
  );
  const seen = outcomes.filter(({ name }) =>
    cells.some((cell) => cell.migrations.some(({ outcome }) => outcome === name)),
  );
  return cells.map((cell, index) => {
    const numLanes = 1 + greatestOf(cell.timeseries.map(({ instance }) => instance));
    const rows = (segments[index] ?? []).map(({ instance, phase, startUs, endUs }) => {
      return { lane: String(instance), phase, start: seconds(startUs), end: seconds(endUs) };
    });
    return lanes({
      title: `${cell.policy}: instances`,
      stack: cell.policy,
      names: Array.from({ length: numLanes }, (_, instance) => String(instance)),
      rows,
      opacity: 0.38,
      mostPx: 24,
      pictureHeightPx: 340,
      encoding: {
        color: byLook('phase', looks, legends.areas).color,
        tooltip: tips({ lane: 'instance', phase: 'phase', start: 'from, s', end: 'to, s' }),
      },
      over: arcLayers(arcsOf(cell.migrations, most), seen),
    });
  });
}

function arcLayers(arcs: ReturnType<typeof arcsOf>, looks: readonly Look[]): Layer[] {
  const { color: stroke, strokeDash } = byLook('outcome', looks, legends.arcs);
  const tooltip = tips({
    request: 'request',
    way: 'way',
    protocol: 'protocol',
    tokens: 'tokens',
    stages: 'stages',
    took: 'took',
    downtime: 'downtime',
    end: 'ended at, s',
  });
  return [
    layer({ type: 'rule', strokeWidth: 1.2, opacity: 0.85 }, arcs, {
      x: { field: 'start' },
      x2: { field: 'end' },
      y: { field: 'from' },
      y2: { field: 'to' },
      stroke,
      strokeDash,
      tooltip,
    }),
    layer({ type: 'circle', size: 26, opacity: 1 }, arcs, {
      x: { field: 'end' },
      y: { field: 'to' },
      fill: { ...stroke, legend: null },
      tooltip,
    }),
  ];
}

function arcsOf(rows: readonly MigrationRow[], most: number) {
  const kept = peaksOf(
    rows,
    (row) => row.started_us,
    most,
    (row) => row.downtime_us ?? 0,
  );
  return kept.map(arcOf);
}

function arcOf(row: MigrationRow) {
  const { downtime_us: downtimeUs } = row;
  const [from, to] = [String(row.from_instance), String(row.to_instance)];
  return {
    start: seconds(row.started_us),
    end: seconds(row.ended_us),
    from,
    to,
    way: `${from} → ${to}`,
    request: row.request,
    outcome: row.outcome,
    protocol: row.protocol,
    tokens: row.tokens,
    stages: row.stages,
    took: ms(row.ended_us - row.started_us),
    downtime: downtimeUs === null ? `none: ${row.reason ?? 'its KV is computed again'}` : ms(downtimeUs),
  };
}

function ms(us: number): string {
  return `${formatNumber(us / 1000)} ms`;
}
