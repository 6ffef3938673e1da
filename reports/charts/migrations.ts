import type { MigrationRow } from '../../harness/metrics/results.ts';
import { Phases, hasMigrated } from '../fleet.ts';
import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, stackNamed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, greatestOf, roundForPicture } from '../thin.ts';
import { shownCells, timeAxis, timeDomain } from './arrivals.ts';
import { absent, leastTextPx, plotWidth, rowStep, shareOfPoints, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';
import { phaseSegments } from './lanes.ts';

/** Migrations of all panels together. */
const allMigrations = 1200;

const outcomes = [
  { outcome: 'done', hue: colour('migration'), dash: [] },
  { outcome: 'aborted', hue: colour('ink'), dash: [3, 2] },
] as const;

export const migrations: Chart = {
  title: 'Migrations between instances',
  question: 'Which instance sent requests to which, when, and did they arrive?',
  draw(results) {
    const cells = migratingCells(results);
    if (cells.length === 0) return absent('No stack moved a running request to another instance.');
    const most = shareOfPoints(allMigrations, cells.length, { least: 100, most: 500 });
    return {
      kind: 'drawn',
      spec: specOf(cells, most),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one lane an instance, drawn while it is there; a line leads from the source, where the migration begins, to the dot at the target, where it ends; a dashed one was aborted and the request went on at its source. ` +
        `Downtime, length and stages are under the pointer. Of each of at most ${most} stretches of time a stack the migration with the longest downtime is drawn.`,
    };
  },
};

function migratingCells(results: Results): readonly DoneCell[] {
  return shownCells(results).filter(({ policy, migrations: rows }) => {
    const stack = stackNamed(results, policy);
    return rows.length > 0 && stack !== undefined && hasMigrated(results, stack);
  });
}

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map(({ policy, migrations: rows }) => {
    const numAborted = rows.filter(({ outcome }) => outcome === 'aborted').length;
    const downtimes = rows.flatMap(({ downtime_us: downtimeUs }) => downtimeUs ?? []);
    const longest = `longest downtime ${formatNumber(greatestOf(downtimes) / 1000)} ms`;
    const text = `${policy} ${plural(rows.length, 'migration')} (${formatNumber(numAborted)} aborted, ${longest})`;
    return { text, score: rows.length };
  });
  return `Moved while running: ${listOrExtremes(parts)}.`;
}

function specOf(cells: readonly DoneCell[], most: number) {
  const phases = new Phases(cells);
  const frame: Frame = { columns: 1, gutterPx: 72, legend: phases.all.map(({ name }) => name) };
  const shown: Shown = {
    domain: timeDomain(cells),
    width: plotWidth(frame),
    phases,
    present: phases.all
      .map(({ name }) => name)
      .filter((name) =>
        cells.some(({ timeseries }) => timeseries.some((row) => phases.nameOf(row) === name)),
      ),
    seen: outcomes
      .map(({ outcome }) => outcome)
      .filter((outcome) => cells.some((cell) => cell.migrations.some((row) => row.outcome === outcome))),
    most,
  };
  return topLevel(frame, {
    spacing: 14,
    resolve: {
      legend: { color: 'independent', stroke: 'independent', strokeDash: 'independent' },
    },
    vconcat: cells.map((cell, index) =>
      panel(cell, shown, { isFirst: index === 0, isLowest: index === cells.length - 1 }),
    ),
  });
}

interface Shown {
  readonly domain: readonly [number, number];
  readonly width: number;
  readonly phases: Phases;
  readonly present: readonly string[];
  /** Outcomes that any migration has. */
  readonly seen: readonly MigrationRow['outcome'][];
  readonly most: number;
}

interface Place {
  readonly isFirst: boolean;
  readonly isLowest: boolean;
}

function panel(cell: DoneCell, shown: Shown, place: Place) {
  const numLanes = 1 + greatestOf(cell.timeseries.map(({ instance }) => instance));
  const step = rowStep(numLanes, { pictureHeightPx: 340, mostPx: 24 });
  return {
    title: `${cell.policy}: instances`,
    width: shown.width,
    height: step * numLanes,
    layer: [laneLayer(cell, shown, { ...place, numLanes, step }), arcLayer(cell.migrations, shown, place)],
  };
}

function laneLayer(
  cell: DoneCell,
  { domain, phases, present }: Shown,
  { isFirst, isLowest, numLanes, step }: Place & { numLanes: number; step: number },
) {
  const values = phaseSegments(cell, phases).map(({ instance, phase, startUs, endUs }) => ({
    start: roundForPicture(startUs / 1e6),
    end: roundForPicture(endUs / 1e6),
    top: instance - 0.4,
    bottom: instance + 0.4,
    instance,
    phase,
  }));
  const lanes = Array.from({ length: numLanes }, (_, instance) => instance);
  const legend = { legend: isFirst ? { symbolType: 'square' as const, values: [...present] } : null };
  return {
    data: { values },
    mark: { type: 'rect' as const, opacity: 0.38 },
    encoding: {
      x: { field: 'start', ...timeAxis(domain, isLowest) },
      x2: { field: 'end' },
      y: {
        field: 'top',
        type: 'quantitative' as const,
        scale: { domain: [numLanes - 0.5, -0.5], nice: false, zero: false },
        axis: {
          title: null,
          grid: false,
          values: lanes.filter((lane) => lane % Math.ceil(leastTextPx / step) === 0),
          tickCount: numLanes,
          format: 'd',
          labelOverlap: false as const,
        },
      },
      y2: { field: 'bottom' },
      color: {
        field: 'phase',
        type: 'nominal' as const,
        scale: { domain: phases.all.map(({ name }) => name), range: phases.all.map(({ hue }) => hue) },
        ...legend,
      },
      tooltip: [
        { field: 'instance', type: 'nominal' as const },
        { field: 'phase', type: 'nominal' as const },
        { field: 'start', type: 'quantitative' as const, title: 'from, s' },
        { field: 'end', type: 'quantitative' as const, title: 'to, s' },
      ],
    },
  };
}

function arcLayer(rows: readonly MigrationRow[], { most, seen }: Shown, { isLowest }: Place) {
  const kept = binBy(rows, (row) => row.started_us, most).flatMap(
    (bin) => greatest(bin, (row) => row.downtime_us ?? 0) ?? [],
  );
  const domain = outcomes.map(({ outcome }) => outcome);
  const legend = isLowest
    ? { orient: 'bottom' as const, symbolType: 'stroke' as const, symbolSize: 300, values: [...seen] }
    : null;
  const x = { field: 'start', type: 'quantitative' as const };
  const hue = { domain, range: outcomes.map((one) => one.hue) };
  const tooltip = [
    { field: 'request', type: 'nominal' as const },
    { field: 'way', type: 'nominal' as const },
    { field: 'protocol', type: 'nominal' as const },
    { field: 'tokens', type: 'quantitative' as const },
    { field: 'stages', type: 'quantitative' as const },
    { field: 'took', type: 'nominal' as const },
    { field: 'downtime', type: 'nominal' as const },
    { field: 'end', type: 'quantitative' as const, title: 'ended at, s' },
  ];
  const field = 'outcome';
  return {
    data: { values: kept.map(arcOf) },
    layer: [
      {
        mark: { type: 'rule' as const, strokeWidth: 1.2, opacity: 0.85 },
        encoding: {
          x,
          x2: { field: 'end' },
          y: { field: 'from', type: 'quantitative' as const },
          y2: { field: 'to' },
          stroke: { field, type: 'nominal' as const, scale: hue, legend },
          strokeDash: {
            field,
            type: 'nominal' as const,
            scale: { domain, range: outcomes.map(({ dash }) => [...dash]) },
            legend,
          },
          tooltip,
        },
      },
      {
        mark: { type: 'circle' as const, size: 26, opacity: 1 },
        encoding: {
          x: { field: 'end', type: 'quantitative' as const },
          y: { field: 'to', type: 'quantitative' as const },
          fill: { field, type: 'nominal' as const, scale: hue, legend: null },
          tooltip,
        },
      },
    ],
  };
}

function arcOf(row: MigrationRow) {
  const { downtime_us: downtimeUs } = row;
  const without = row.reason ?? 'its KV is computed again';
  return {
    start: roundForPicture(row.started_us / 1e6),
    end: roundForPicture(row.ended_us / 1e6),
    from: row.from_instance,
    to: row.to_instance,
    way: `${row.from_instance} → ${row.to_instance}`,
    request: row.request,
    outcome: row.outcome,
    protocol: row.protocol,
    tokens: row.tokens,
    stages: row.stages,
    took: ms(row.ended_us - row.started_us),
    downtime: downtimeUs === null ? `none: ${without}` : ms(downtimeUs),
  };
}

function ms(us: number): string {
  return `${formatNumber(us / 1000)} ms`;
}
