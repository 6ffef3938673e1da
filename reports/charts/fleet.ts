import { group } from 'd3-array';
import { Phases, fleetSteps, hasScaled } from '../fleet.ts';
import type { FleetStep } from '../fleet.ts';
import { cut } from '../cut-text.ts';
import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { scaleEventKinds, scaleEventsOf } from '../scale-events.ts';
import type { ScaleEvent, ScaleEventKind } from '../scale-events.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { greatestOf, peaksOf, roundForPicture, seconds } from '../thin.ts';
import { shownCells, timeDomain } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart, ChartTable } from './chart.ts';
import { between, counts, crossPath, events, layer, stackPanels, timeAreas, tips } from './grammar/index.ts';
import type { Layer, Look, Panel } from './grammar/index.ts';
import { openRequests } from '../open-requests.ts';
import type { OpenRequests } from '../open-requests.ts';

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
    const cells = shownCells(results, (stack) => hasScaled(results, stack));
    if (cells.length === 0) return absent('No stack asked for instances or gave any back.');
    const maxSteps = shareOfPoints(allSteps, cells.length, { least: 80, most: 300 });
    const phases = new Phases(cells);
    const stacks = cells.map((cell): Stack => {
      const load = openRequests(cell, maxSteps);
      return { cell, steps: fleetSteps(cell, phases), events: scaleEventsOf(cell), load };
    });
    const frame = { columns: 1, gutterPx: 72, legend: phases.all.map(({ name }) => name) };
    const domain = timeDomain(cells);
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panelsOf(stacks, phases, { endS: domain[1], maxSteps }), {
        time: { domain, bursts: [] },
        spacing: 12,
      }),
      answer: answerOf(stacks),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; stacks that never scale are left out. Upper picture of each stack: requests that have arrived and not ended, those held back before any instance among them; the darker part runs. ` +
        'Lower picture: instances by what they do at each sample, one scale for all stacks; all of them cost, only those that serve take requests. ' +
        `Marks above: what changed the number or the roles, at the exact time, crowded ones thinned; the reason of each is under the pointer and, for the first ones, in the table. At most ${maxSteps} steps a panel: of each stretch of time the most instances and the most requests are kept.`,
      table: tableOf(stacks),
    };
  },
};

/** What is shown of one stack. */
interface Stack {
  readonly cell: DoneCell;
  readonly steps: readonly FleetStep[];
  readonly events: readonly ScaleEvent[];
  readonly load: readonly OpenRequests[];
}

function answerOf(stacks: readonly Stack[]): string {
  const parts = stacks.map(({ cell, steps, events: own }) => {
    const totals = steps.map(({ total }) => total);
    const [first, last, most] = [totals[0] ?? 0, totals.at(-1) ?? 0, greatestOf(totals)];
    const numOf = (kind: ScaleEventKind) => own.filter((event) => event.kind === kind).length;
    const changes = `up ${plural(numOf('asked for'), 'time')}, down ${plural(numOf('drain begins'), 'time')}`;
    return {
      text: `${cell.policy} from ${formatNumber(first)} to at most ${formatNumber(most)} and ${formatNumber(last)} in the end (${changes})`,
      score: most,
    };
  });
  return `Instances: ${listOrExtremes(parts)}.`;
}

function tableOf(stacks: readonly Stack[]): ChartTable {
  const rows = stacks.flatMap(({ cell, events: own }) =>
    own.slice(0, maxListed).map(({ timeUs, kind, what, who, why }) => {
      return [cell.policy, (timeUs / 1e6).toFixed(3), `${kind}: ${what}`, who, why];
    }),
  );
  const left = stacks.flatMap(({ cell, events: own }) =>
    own.length > maxListed ? [`${formatNumber(own.length - maxListed)} of ${cell.policy}`] : [],
  );
  return {
    title: `Scale events: the first ${maxListed} of each stack`,
    head: ['stack', 'second', 'what', 'who', 'why'],
    rows,
    rest:
      left.length === 0 ? '' : `Not listed: ${left.join(', ')}; all are in decisions.jsonl and events.jsonl.`,
  };
}

interface Limits {
  readonly endS: number;
  readonly maxSteps: number;
}

function panelsOf(stacks: readonly Stack[], phases: Phases, { endS, maxSteps }: Limits): Panel[] {
  const steps = stacks.flatMap((stack) => stack.steps);
  const looks = phases.all.filter(({ name }) => steps.some(({ counts: own }) => own.has(name)));
  const most = greatestOf(steps.map(({ total }) => total));
  const happened = new Set(stacks.flatMap((stack) => stack.events.map(({ kind }) => kind)));
  const kinds = scaleEventKinds
    .filter((kind) => happened.has(kind))
    .map((kind) => ({ name: kind, shape: markShapes[kind] }));
  return stacks.flatMap((stack) => [
    loadPanel(stack),
    {
      title: `${stack.cell.policy}: instances`,
      stack: stack.cell.policy,
      height: 92,
      y: between(0, most * 1.3, { tickCount: 4, tickMinStep: 1 }),
      layers: [phaseLayer(stack, looks, maxSteps), markLayer(stack, kinds, { endS, most })],
    },
  ]);
}

function loadPanel({ cell, load }: Stack): Panel {
  const rows = load.map(({ timeUs, open, running }) => ({ s: seconds(timeUs), open, running }));
  return {
    title: `${cell.policy}: open requests`,
    stack: cell.policy,
    height: 46,
    y: counts(
      rows.map(({ open }) => open),
      { tickCount: 3, format: '~s' },
    ),
    layers: [loadArea(rows, 'open', 0.35), loadArea(rows, 'running', 0.6)],
  };
}

function loadArea(rows: readonly object[], field: 'open' | 'running', opacity: number): Layer {
  return layer({ type: 'area', interpolate: 'step-after', color: colour('muted'), opacity }, rows, {
    x: { field: 's' },
    y: { field, stack: null },
  });
}

function phaseLayer({ steps }: Stack, looks: readonly Look[], maxSteps: number): Layer {
  const drawn = peaksOf(
    steps,
    ({ timeUs }) => timeUs,
    maxSteps,
    ({ total }) => total,
  );
  const rows = drawn.flatMap(({ timeUs, counts: own }) =>
    looks.map(({ name }) => ({ s: seconds(timeUs), phase: name, count: own.get(name) ?? 0 })),
  );
  return timeAreas(rows, { y: 'count', by: 'phase', looks });
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

function markLayer(
  { events: own }: Stack,
  looks: readonly Look[],
  { endS, most }: { endS: number; most: number },
): Layer {
  const stretchOf = ({ kind, timeUs }: ScaleEvent) =>
    `${kind} ${Math.floor((timeUs / 1e6 / endS) * numMarkStretches)}`;
  const rows = [...group(own, stretchOf).values()].flatMap(([event, ...close]) => {
    if (event === undefined) return [];
    const { timeUs, kind, what, who, why } = event;
    const y = roundForPicture(most * (upper.includes(kind) ? 1.22 : 1.09));
    const others = close.length === 0 ? '' : `; ${formatNumber(close.length)} more close by`;
    return [{ s: seconds(timeUs), y, kind, what: cut(`${what}${others}`), who, why: cut(why) }];
  });
  const tooltip = tips({ kind: 'event', what: 'what', s: 'second', who: 'who', why: 'why' });
  return events(rows, { y: 'y', by: 'kind', looks, tooltip });
}
