import { formatNumber, listOrExtremes, plural } from '../format.ts';
import type { ClusterEventRow, DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { greatestOf, roundForPicture } from '../thin.ts';
import { shownCells, timeAxis, timeDomain } from './arrivals.ts';
import { absent, crossPath, leastTextPx, plotWidth, rowStep, shareOfPoints, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';
import { changesGroups, membersOf, segmentsOf } from './lanes.ts';
import type { Segment } from './lanes.ts';

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
    const numLanes = cells.reduce((sum, cell) => sum + numInstances(cell), 0);
    const maxSamples = shareOfPoints(allSamples, numLanes, { least: 100, most: 800 });
    const panels = cells.map((cell) => ({ cell, segments: segmentsOf(cell, maxSamples) }));
    return {
      kind: 'drawn',
      spec: specOf(panels),
      answer: answerOf(panels),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one lane an instance; a bar is the time in one group, labelled with its members where there is room; a merged group has one of ${merged.length} colours, which only tell neighbouring groups apart. A restored instance serves alone from the split on, though the old group still ends what it runs until it is marked as ended. ` +
        `No bar: the instance is gone. Groups are those at the samples, at most ${maxSamples} of a run, so one that lived between two is missing; marks stand at the exact time, crowded ones thinned.`,
    };
  },
};

interface Panel {
  readonly cell: DoneCell;
  readonly segments: readonly Segment[];
}

function numInstances(cell: DoneCell): number {
  return 1 + greatestOf(cell.timeseries.map((row) => row.instance));
}

function answerOf(panels: readonly Panel[]): string {
  const parts = panels.map(({ cell, segments }) => {
    const largest = greatestOf([...membersOf(segments).values()].map((members) => members.length));
    const numOf = (kind: string) => cell.events.filter((event) => event.kind === kind).length;
    const [drops, faults] = [numOf('groupsMerged'), numOf('instanceFailed')];
    const lost = faults === 0 ? '' : `${plural(faults, 'fault')}, `;
    const text = `${cell.policy} ${plural(drops, 'drop')} (${plural(numOf('groupSplit'), 'restore')}, ${lost}largest group of ${formatNumber(largest)})`;
    return { text, score: drops };
  });
  return `What changed: ${listOrExtremes(parts)}.`;
}

function specOf(panels: readonly Panel[]) {
  const frame: Frame = { columns: 1, gutterPx: 110 };
  const domain = timeDomain(panels.map(({ cell }) => cell));
  const marks = panels.map(marksOf);
  const present = markKinds.filter(({ name }) => marks.some((own) => own.some((mark) => mark.what === name)));
  const shownLooks = new Set(
    panels.flatMap(({ segments }) => barsOf(segments, domain[1]).map(({ look }) => look)),
  );
  const named = [alone, unready, merged[0]].filter((name) => shownLooks.has(name));
  return topLevel(frame, {
    spacing: 16,
    resolve: { legend: { color: 'independent', shape: 'independent' } },
    vconcat: panels.map((one, index) =>
      panel(one, {
        domain,
        width: plotWidth(frame),
        marks: marks[index] ?? [],
        present,
        named,
        isFirst: index === 0,
        isLowest: index === panels.length - 1,
      }),
    ),
  });
}

interface Mark {
  readonly s: number;
  readonly lane: string;
  readonly what: string;
  readonly detail: string;
}

const markKinds = [
  { kind: 'weightsDropped', name: 'weights dropped', shape: 'triangle-down' },
  { kind: 'restoreStarted', name: 'restore begins', shape: 'triangle-right' },
  { kind: 'restoreCancelled', name: 'restore cancelled', shape: 'square' },
  { kind: 'weightsLoaded', name: 'weights back', shape: 'triangle-up' },
  { kind: 'groupRetired', name: 'old group ended', shape: 'diamond' },
  { kind: 'instanceFailed', name: 'fault', shape: crossPath },
] as const;

function marksOf({ cell, segments }: Panel): Mark[] {
  const members = membersOf(segments);
  const [, endS] = timeDomain([cell]);
  const marks = new Map<string, Mark>();
  for (const event of cell.events) {
    const what = markKinds.find(({ kind }) => kind === event.kind)?.name;
    if (what === undefined) continue;
    const stretch = Math.floor((event.time_us / 1e6 / endS) * numMarkStretches);
    for (const instance of instancesOf(event, members)) {
      const lane = laneName(instance);
      const key = `${what} ${lane} ${stretch}`;
      if (marks.has(key)) continue;
      marks.set(key, { s: roundForPicture(event.time_us / 1e6), lane, what, detail: event.detail });
    }
  }
  return [...marks.values()];
}

/** An event of a group concerns all its members. */
function instancesOf(
  { instance, group }: ClusterEventRow,
  members: ReadonlyMap<number, readonly number[]>,
): readonly number[] {
  if (instance !== null) return [instance];
  return group === null ? [] : (members.get(group) ?? []);
}

function laneName(instance: number): string {
  return `instance ${instance}`;
}

const alone = 'serves alone';
const unready = 'gets ready';
/** The first name stands in the legend for all. */
const merged = [
  'in a merged group (its colours only tell neighbours apart)',
  'second',
  'third',
  'fourth',
] as const;
const looks = [
  { name: alone, hue: colour('alone') },
  { name: unready, hue: colour('loading') },
  ...merged.map((name, index) => ({ name, hue: colour(`group${index as 0 | 1 | 2 | 3}`) })),
];

function barsOf(segments: readonly Segment[], widthS: number) {
  const members = membersOf(segments);
  const mergedGroups = [...members].filter(([, own]) => own.length > 1).map(([group]) => group);
  const lookOf = ({ group, isReady }: Segment) => {
    if (!isReady) return unready;
    const index = mergedGroups.indexOf(group);
    return index < 0 ? alone : (merged[index % merged.length] ?? alone);
  };
  return segments.map((segment) => {
    const [start, end] = [segment.startUs / 1e6, segment.endUs / 1e6];
    const names = namesOf(members.get(segment.group) ?? []);
    const look = lookOf(segment);
    const hasRoom = look !== alone && look !== unready && end - start > widthS * (0.03 + 0.02 * names.length);
    return {
      lane: laneName(segment.instance),
      start: roundForPicture(start),
      end: roundForPicture(end),
      look,
      group: segment.group,
      members: names,
      label: hasRoom ? names : '',
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

interface PanelOptions {
  readonly domain: readonly [number, number];
  readonly width: number;
  readonly marks: readonly Mark[];
  readonly present: readonly (typeof markKinds)[number][];
  /** What any panel shows. */
  readonly named: readonly string[];
  readonly isFirst: boolean;
  readonly isLowest: boolean;
}

function panel({ cell, segments }: Panel, options: PanelOptions) {
  const { domain, width, marks, present, named, isFirst, isLowest } = options;
  const lanes = Array.from({ length: numInstances(cell) }, (_, instance) => laneName(instance));
  const bars = barsOf(segments, domain[1]);
  const step = rowStep(lanes.length, { pictureHeightPx: 320, mostPx: 20 });
  const x = timeAxis(domain, isLowest);
  const y = {
    field: 'lane',
    type: 'nominal' as const,
    scale: { domain: lanes },
    axis: { title: null, domain: false, ticks: false, labelOverlap: true },
  };
  const none = { legend: null };
  return {
    title: cell.policy,
    width,
    height: { step },
    layer: [
      {
        data: { values: bars },
        mark: { type: 'bar' as const, height: { band: 0.78 } },
        encoding: {
          x: { field: 'start', ...x },
          x2: { field: 'end' },
          y,
          color: {
            field: 'look',
            type: 'nominal' as const,
            scale: { domain: looks.map(({ name }) => name), range: looks.map(({ hue }) => hue) },
            ...(isFirst ? { legend: { values: [...named], labelLimit: 400, symbolType: 'square' } } : none),
          },
          tooltip: [
            { field: 'members', type: 'nominal' as const, title: 'instances' },
            { field: 'group', type: 'nominal' as const },
            { field: 'start', type: 'quantitative' as const, title: 'from, s' },
            { field: 'end', type: 'quantitative' as const, title: 'to, s' },
          ],
        },
      },
      {
        data: { values: step < leastTextPx ? [] : bars.filter(({ label }) => label !== '') },
        mark: { type: 'text' as const, align: 'left' as const, dx: 9, fontSize: 10, color: colour('ink') },
        encoding: {
          x: { field: 'start', type: 'quantitative' as const },
          y,
          text: { field: 'label', type: 'nominal' as const },
        },
      },
      markLayer(marks, { y, present, hasLegend: isLowest }),
    ],
  };
}

function markLayer<Y>(
  marks: readonly Mark[],
  { y, present, hasLegend }: { y: Y; present: PanelOptions['present']; hasLegend: boolean },
) {
  const legend = hasLegend
    ? { orient: 'bottom' as const, symbolFillColor: colour('ink'), symbolSize: 60 }
    : null;
  return {
    data: { values: [...marks] },
    mark: {
      type: 'point' as const,
      filled: true,
      size: 46,
      opacity: 1,
      color: colour('ink'),
    },
    encoding: {
      x: { field: 's', type: 'quantitative' as const },
      y,
      shape: {
        field: 'what',
        type: 'nominal' as const,
        scale: { domain: present.map(({ name }) => name), range: present.map(({ shape }) => shape) },
        legend,
      },
      tooltip: [
        { field: 'what', type: 'nominal' as const },
        { field: 's', type: 'quantitative' as const, title: 'second' },
        { field: 'detail', type: 'nominal' as const },
      ],
    },
  };
}
