import { Phases, fleetSteps, hasScaled } from '../fleet.ts';
import type { FleetStep } from '../fleet.ts';
import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
import { scaleEventKinds, scaleEventsOf } from '../scale-events.ts';
import type { ScaleEvent, ScaleEventKind } from '../scale-events.ts';
import { shownSeed, stackNamed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, greatestOf, groupBy, roundForPicture } from '../thin.ts';
import { shownCells, timeAxis, timeDomain } from './arrivals.ts';
import { absent, crossPath, plotWidth, shareOfPoints, topLevel } from './chart.ts';
import type { Chart, ChartTable, Frame } from './chart.ts';
import { openRequests } from './open-requests.ts';
import type { OpenRequests } from './open-requests.ts';

/** Steps of all panels together. */
const allSteps = 1600;
/** Of the events of one kind, one in each of so many stretches of time is marked. */
const numMarkStretches = 90;
/** Events of a stack that the table lists. */
const maxListed = 6;

export const fleet: Chart = {
  title: 'Instances over time',
  question: 'Does the number of instances follow the load, how late, and why did it change?',
  draw(results) {
    const cells = scalingCells(results);
    if (cells.length === 0) return absent('No stack asked for instances or gave any back.');
    const maxSteps = shareOfPoints(allSteps, cells.length, { least: 80, most: 300 });
    const phases = new Phases(cells);
    const panels = cells.map((cell): Panel => {
      const steps = fleetSteps(cell, phases);
      const stretches = binBy(steps, (step) => step.timeUs, maxSteps);
      return {
        cell,
        steps,
        drawnSteps: stretches.flatMap((bin) => greatest(bin, (step) => step.total) ?? []),
        events: scaleEventsOf(cell),
        load: openRequests(cell, maxSteps),
      };
    });
    return {
      kind: 'drawn',
      spec: specOf(panels, phases),
      answer: answerOf(panels),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; stacks that never scale are left out. Upper picture of each stack: requests that have arrived and not ended, those held back before any instance among them; the darker part runs. ` +
        'Lower picture: instances by what they do at each sample, one scale for all stacks; all of them cost, only those that serve take requests. ' +
        `Marks above: what changed the number or the roles, at the exact time, crowded ones thinned; the reason of each is under the pointer and, for the first ones, in the table. At most ${maxSteps} steps a panel: of each stretch of time the most instances and the most requests are kept.`,
      table: tableOf(panels),
    };
  },
};

interface Panel {
  readonly cell: DoneCell;
  readonly steps: readonly FleetStep[];
  readonly drawnSteps: readonly FleetStep[];
  readonly events: readonly ScaleEvent[];
  readonly load: readonly OpenRequests[];
}

function scalingCells(results: Results): readonly DoneCell[] {
  return shownCells(results).filter(({ policy }) => {
    const stack = stackNamed(results, policy);
    return stack !== undefined && hasScaled(results, stack);
  });
}

function answerOf(panels: readonly Panel[]): string {
  const parts = panels.map(({ cell, steps, events }) => {
    const counts = steps.map(({ total }) => total);
    const [first, last, most] = [counts[0] ?? 0, counts.at(-1) ?? 0, greatestOf(counts)];
    const numOf = (kind: ScaleEventKind) => events.filter((event) => event.kind === kind).length;
    const changes = `up ${plural(numOf('asked for'), 'time')}, down ${plural(numOf('drain begins'), 'time')}`;
    return {
      text: `${cell.policy} from ${formatNumber(first)} to at most ${formatNumber(most)} and ${formatNumber(last)} in the end (${changes})`,
      score: most,
    };
  });
  return `Instances: ${listOrExtremes(parts)}.`;
}

function tableOf(panels: readonly Panel[]): ChartTable {
  const rows = panels.flatMap(({ cell, events }) =>
    events
      .slice(0, maxListed)
      .map(({ timeUs, kind, what, who, why }) => [
        cell.policy,
        (timeUs / 1e6).toFixed(3),
        `${kind}: ${what}`,
        who,
        why,
      ]),
  );
  const left = panels.flatMap(({ cell, events }) =>
    events.length > maxListed ? [`${formatNumber(events.length - maxListed)} of ${cell.policy}`] : [],
  );
  const rest =
    left.length === 0 ? '' : `Not listed: ${left.join(', ')}; all are in decisions.jsonl and events.jsonl.`;
  return {
    title: `Scale events: the first ${maxListed} of each stack`,
    head: ['stack', 'second', 'what', 'who', 'why'],
    rows,
    rest,
  };
}

function specOf(panels: readonly Panel[], phases: Phases) {
  const names = phases.all.map(({ name }) => name);
  const frame: Frame = { columns: 1, gutterPx: 72, legend: names };
  const present = names.filter((name) =>
    panels.some(({ steps }) => steps.some(({ counts }) => counts.has(name))),
  );
  const shown: Shown = {
    domain: timeDomain(panels.map(({ cell }) => cell)),
    width: plotWidth(frame),
    phases,
    present,
    kinds: scaleEventKinds.filter((kind) =>
      panels.some(({ events }) => events.some((event) => event.kind === kind)),
    ),
    most: greatestOf(panels.flatMap(({ steps }) => steps.map(({ total }) => total))),
  };
  return topLevel(frame, {
    spacing: 12,
    resolve: { legend: { color: 'independent', shape: 'independent' }, scale: { color: 'independent' } },
    vconcat: panels.flatMap((panel, index) => [
      loadPanel(panel, shown),
      instancePanel(panel, shown, { isFirst: index === 0, isLowest: index === panels.length - 1 }),
    ]),
  });
}

/** What all panels share. */
interface Shown {
  readonly domain: readonly [number, number];
  readonly width: number;
  readonly phases: Phases;
  /** Phases and kinds of events that any panel shows. */
  readonly present: readonly string[];
  readonly kinds: readonly ScaleEventKind[];
  /** Instances at most. */
  readonly most: number;
}

function loadPanel({ cell, load }: Panel, { domain, width }: Shown) {
  const values = load.map(({ timeUs, open, running }) => ({ s: seconds(timeUs), open, running }));
  const x = { field: 's', ...timeAxis(domain, false) };
  const area = (field: 'open' | 'running', opacity: number) => ({
    mark: { type: 'area' as const, interpolate: 'step-after' as const, color: colour('muted'), opacity },
    encoding: {
      x,
      y: {
        field,
        type: 'quantitative' as const,
        axis: { title: null, tickCount: 3, tickMinStep: 1, format: '~s' },
      },
    },
  });
  return {
    title: `${cell.policy}: open requests`,
    width,
    height: 46,
    data: { values },
    layer: [area('open', 0.35), area('running', 0.6)],
  };
}

interface Place {
  readonly isFirst: boolean;
  readonly isLowest: boolean;
}

function instancePanel(panel: Panel, shown: Shown, place: Place) {
  return {
    title: `${panel.cell.policy}: instances`,
    width: shown.width,
    height: 92,
    layer: [phaseLayer(panel, shown, place), markLayer(panel, shown, place)],
  };
}

function phaseLayer(
  { drawnSteps }: Panel,
  { domain, phases, present, most }: Shown,
  { isFirst, isLowest }: Place,
) {
  const values = drawnSteps.flatMap(({ timeUs, counts }) => {
    let below = 0;
    return present.map((phase) => {
      const low = below;
      below += counts.get(phase) ?? 0;
      return { s: seconds(timeUs), phase, low, high: below };
    });
  });
  const legend = { legend: isFirst ? { symbolType: 'square' as const, values: [...present] } : null };
  return {
    data: { values },
    mark: { type: 'area' as const, interpolate: 'step-after' as const, line: false },
    encoding: {
      x: { field: 's', ...timeAxis(domain, isLowest) },
      y: {
        field: 'low',
        type: 'quantitative' as const,
        scale: { domain: [0, most * 1.3], nice: false },
        axis: { title: null, tickCount: 4, tickMinStep: 1 },
      },
      y2: { field: 'high' },
      color: {
        field: 'phase',
        type: 'nominal' as const,
        scale: { domain: phases.all.map(({ name }) => name), range: phases.all.map(({ hue }) => hue) },
        ...legend,
      },
    },
  };
}

const markShapes: Readonly<Record<ScaleEventKind, string>> = {
  'asked for': 'triangle-up',
  'drain begins': 'triangle-down',
  'drain taken back': 'triangle-right',
  'other role': 'circle',
  'start failed': 'square',
  fault: crossPath,
};

/** Requests for more stand above the others, so that up and down at one time do not hide each other. */
const upper: readonly ScaleEventKind[] = ['asked for', 'drain taken back'];

function markLayer({ events }: Panel, { domain, kinds, most }: Shown, { isLowest }: Place) {
  const stretchOf = ({ kind, timeUs }: ScaleEvent) =>
    `${kind} ${Math.floor((timeUs / 1e6 / domain[1]) * numMarkStretches)}`;
  const values = [...groupBy(events, stretchOf).values()].flatMap((group) => {
    const [event] = group;
    if (event === undefined) return [];
    const { timeUs, kind, what, who, why } = event;
    const y = roundForPicture(most * (upper.includes(kind) ? 1.22 : 1.09));
    const others = group.length === 1 ? '' : `; ${formatNumber(group.length - 1)} more close by`;
    return [{ s: seconds(timeUs), y, kind, what: `${what}${others}`, who, why }];
  });
  const legend = isLowest
    ? { orient: 'bottom' as const, symbolFillColor: colour('ink'), symbolSize: 60 }
    : null;
  return {
    data: { values },
    mark: { type: 'point' as const, filled: true, size: 42, opacity: 1, color: colour('ink') },
    encoding: {
      x: { field: 's', type: 'quantitative' as const },
      y: { field: 'y', type: 'quantitative' as const },
      shape: {
        field: 'kind',
        type: 'nominal' as const,
        scale: { domain: [...kinds], range: kinds.map((kind) => markShapes[kind]) },
        legend,
      },
      tooltip: [
        { field: 'kind', type: 'nominal' as const, title: 'event' },
        { field: 'what', type: 'nominal' as const },
        { field: 's', type: 'quantitative' as const, title: 'second' },
        { field: 'who', type: 'nominal' as const },
        { field: 'why', type: 'nominal' as const },
      ],
    },
  };
}

function seconds(timeUs: number): number {
  return roundForPicture(timeUs / 1e6);
}
