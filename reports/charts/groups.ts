import { cut } from '../cut-text.ts';
import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { ClusterEventRow, DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { firstOfEach, greatestOf, seconds } from '../thin.ts';
import { shownCells, timeDomain } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { byLook, crossPath, events, lanes, legends, notes, stackPanels, tips } from './grammar/index.ts';
import type { Look, Panel } from './grammar/index.ts';
import { changesGroups, membersOf, segmentsOf } from '../segments.ts';
import type { Segment } from '../segments.ts';

/** Samples of all lanes together. */
const allSamples = 12_000;
/** Of the events of one kind at one instance, one in each of so many stretches of time is marked. */
const numMarkStretches = 120;

export const groups: Chart = {
  title: 'Who serves with whom',
  question: 'When were weights dropped, restored and lost, and which instances served as one group?',
  draw(results) {
    const cells = shownCells(results).filter(changesGroups);
    if (cells.length === 0) return absent('No stack changed its groups of instances.');
    const numLanes = cells.reduce((sum, cell) => sum + lanesOf(cell).length, 0);
    const maxSamples = shareOfPoints(allSamples, numLanes, { least: 100, most: 800 });
    const domain = timeDomain(cells);
    const stacks = cells.map((cell) => stackOf(cell, segmentsOf(cell, maxSamples), domain[1]));
    return {
      kind: 'drawn',
      spec: stackPanels({ columns: 1, gutterPx: 110 }, panelsOf(stacks), {
        time: { domain, bursts: [] },
        spacing: 16,
      }),
      answer: answerOf(stacks),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one lane an instance; a bar is the time in one group, labelled with its members where there is room; a merged group has one of ${merged.length} colours, which only tell neighbouring groups apart. A restored instance serves alone from the split on, though the old group still ends what it runs until it is marked as ended. ` +
        `No bar: the instance is gone. Groups are those at the samples, at most ${maxSamples} of a run, so one that lived between two is missing; marks stand at the exact time, crowded ones thinned.`,
    };
  },
};

/** What the picture of one stack shows. */
interface Stack {
  readonly cell: DoneCell;
  readonly members: ReadonlyMap<number, readonly number[]>;
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
}

function stackOf(cell: DoneCell, segments: readonly Segment[], endS: number): Stack {
  const members = membersOf(segments);
  return { cell, members, bars: barsOf(segments, members, endS), marks: marksOf(cell, members) };
}

function lanesOf({ timeseries }: DoneCell): string[] {
  const numInstances = 1 + greatestOf(timeseries.map(({ instance }) => instance));
  return Array.from({ length: numInstances }, (_, instance) => laneName(instance));
}

function laneName(instance: number): string {
  return `instance ${instance}`;
}

function answerOf(stacks: readonly Stack[]): string {
  const parts = stacks.map(({ cell, members }) => {
    const largest = greatestOf([...members.values()].map((own) => own.length));
    const numOf = (kind: string) => cell.events.filter((event) => event.kind === kind).length;
    const [drops, faults] = [numOf('groupsMerged'), numOf('instanceFailed')];
    const lost = faults === 0 ? '' : `${plural(faults, 'fault')}, `;
    const text = `${cell.policy} ${plural(drops, 'drop')} (${plural(numOf('groupSplit'), 'restore')}, ${lost}largest group of ${formatNumber(largest)})`;
    return { text, score: drops };
  });
  return `What changed: ${listOrExtremes(parts)}.`;
}

const markLooks: readonly (Look & { readonly kind: string })[] = [
  { kind: 'weightsDropped', name: 'weights dropped', shape: 'triangle-down' },
  { kind: 'restoreStarted', name: 'restore begins', shape: 'triangle-right' },
  { kind: 'restoreCancelled', name: 'restore cancelled', shape: 'square' },
  { kind: 'weightsLoaded', name: 'weights back', shape: 'triangle-up' },
  { kind: 'groupRetired', name: 'old group ended', shape: 'diamond' },
  { kind: 'instanceFailed', name: 'fault', shape: crossPath },
];

interface Mark {
  readonly s: number;
  readonly lane: string;
  readonly what: string;
  readonly detail: string;
}

function marksOf(cell: DoneCell, members: Stack['members']): Mark[] {
  const [, endS] = timeDomain([cell]);
  const marks = cell.events.flatMap((event) => {
    const what = markLooks.find(({ kind }) => kind === event.kind)?.name;
    if (what === undefined) return [];
    const [s, stretch] = [
      seconds(event.time_us),
      Math.floor((event.time_us / 1e6 / endS) * numMarkStretches),
    ];
    return instancesOf(event, members).map((instance) => ({
      stretch,
      mark: { s, lane: laneName(instance), what, detail: cut(event.detail) },
    }));
  });
  return firstOfEach(marks, ({ stretch, mark }) => `${mark.what} ${mark.lane} ${stretch}`).map(
    ({ mark }) => mark,
  );
}

/** An event of a group concerns all its members. */
function instancesOf({ instance, group }: ClusterEventRow, members: Stack['members']): readonly number[] {
  if (instance !== null) return [instance];
  return group === null ? [] : (members.get(group) ?? []);
}

const alone = 'serves alone';
const unready = 'gets ready';
/** The first name stands in the legend for all. */
const merged: readonly Look[] = [
  { name: 'in a merged group (its colours only tell neighbours apart)', hue: colour('group0') },
  { name: 'second', hue: colour('group1') },
  { name: 'third', hue: colour('group2') },
  { name: 'fourth', hue: colour('group3') },
];
const looks: readonly Look[] = [
  { name: alone, hue: colour('alone') },
  { name: unready, hue: colour('loading') },
  ...merged,
];
const explained = [alone, unready, merged[0]?.name];

type Bar = ReturnType<typeof barsOf>[number];

function barsOf(segments: readonly Segment[], members: Stack['members'], endS: number) {
  const mergedGroups = [...members].filter(([, own]) => own.length > 1).map(([group]) => group);
  return segments.map(({ instance, group, isReady, startUs, endUs }) => {
    const index = mergedGroups.indexOf(group);
    const hue = merged[index % merged.length];
    const names = namesOf(members.get(group) ?? []);
    const hasRoom = (endUs - startUs) / 1e6 > endS * (0.03 + 0.02 * names.length);
    return {
      lane: laneName(instance),
      start: seconds(startUs),
      end: seconds(endUs),
      look: isReady ? (hue?.name ?? alone) : unready,
      group,
      members: names,
      label: isReady && hue !== undefined && hasRoom ? names : '',
    };
  });
}

/** `0+1`, `2–5`. */
function namesOf(members: readonly number[]): string {
  const ordered = members.toSorted((a, b) => a - b);
  const [first = 0, last = 0] = [ordered[0], ordered.at(-1)];
  const isRange = ordered.length > 2 && last - first === ordered.length - 1;
  return isRange ? `${first}–${last}` : ordered.join('+');
}

function panelsOf(stacks: readonly Stack[]): Panel[] {
  const values = explained.flatMap((name) =>
    name !== undefined && stacks.some(({ bars }) => bars.some(({ look }) => look === name)) ? [name] : [],
  );
  const { color } = byLook('look', looks, { ...legends.areas, values, labelLimit: 400 });
  const present = markLooks.filter(({ name }) =>
    stacks.some(({ marks }) => marks.some(({ what }) => what === name)),
  );
  return stacks.map(({ cell, bars, marks }) => {
    const labelled = bars.filter(({ label }) => label !== '');
    const position = { x: { field: 'start' }, y: { field: 'lane' } };
    const tooltip = tips({ what: 'what', s: 'second', detail: 'detail' });
    return lanes({
      title: cell.policy,
      stack: cell.policy,
      names: lanesOf(cell),
      rows: bars,
      thickness: 0.7,
      mostPx: 20,
      pictureHeightPx: 320,
      encoding: {
        color,
        tooltip: tips({ members: 'instances', group: 'group', start: 'from, s', end: 'to, s' }),
      },
      texts: [notes(labelled, 'label', position, { dx: 9, fontSize: 10, color: colour('ink') })],
      over: [events(marks, { y: 'lane', by: 'what', looks: present, tooltip })],
    });
  });
}
