interface Event {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly id?: number;
  readonly dur?: number;
  readonly args?: Record<string, unknown>;
}

/** A parsed `trace.json`. */
export interface Trace {
  readonly traceEvents: readonly Event[];
  readonly otherData: { readonly note: string; readonly left_out: number };
}

/** What a viewer could not show: spans without an end, arrows without slices, states that overlap, tracks without a name. */
export function traceProblems({ traceEvents }: Trace): readonly string[] {
  return [
    ...openSpans(traceEvents),
    ...looseArrows(traceEvents),
    ...overlappingStates(traceEvents),
    ...namelessTracks(traceEvents),
  ];
}

function say(event: Event): string {
  return JSON.stringify(event);
}

/** Spans nest by category and id; each `e` ends the innermost `b`, not before it began. */
function openSpans(events: readonly Event[]): string[] {
  const problems: string[] = [];
  const open = new Map<string, Event[]>();
  for (const event of events) {
    if (event.ph !== 'b' && event.ph !== 'e') continue;
    const key = `${event.cat} ${event.id}`;
    const spans = open.get(key) ?? [];
    open.set(key, spans);
    if (event.ph === 'b') {
      spans.push(event);
      continue;
    }
    const begin = spans.pop();
    const fits = begin?.name === event.name && begin.pid === event.pid && begin.ts! <= event.ts!;
    if (!fits) problems.push(`ends nothing: ${say(event)}`);
  }
  for (const spans of open.values()) for (const span of spans) problems.push(`never ends: ${say(span)}`);
  return problems;
}

/** Each arrow has one start and one end, in this order, and either is within a slice of its track. */
function looseArrows(events: readonly Event[]): string[] {
  const slices = groupBy(
    events.filter(({ ph }) => ph === 'X'),
    trackOf,
  );
  const ends = events.filter(({ ph }) => ph === 's' || ph === 'f');
  const loose = ends.filter((end) => !slices.get(trackOf(end))?.some((slice) => holds(slice, end)));
  const arrows = groupBy(ends, ({ cat, id }) => `${cat} ${id}`);
  const halves = [...arrows.values()].filter(([start, end, ...more]) => {
    const isInOrder = start?.ph === 's' && end?.ph === 'f' && start.ts! <= end.ts!;
    return !isInOrder || more.length > 0;
  });
  return [
    ...loose.map((end) => `on no slice: ${say(end)}`),
    ...halves.map((half) => `half an arrow: ${half.map(say).join(' ')}`),
  ];
}

function trackOf({ pid, tid }: Event): string {
  return `${pid} ${tid}`;
}

function holds(slice: Event, { ts }: Event): boolean {
  return slice.ts! <= ts! && ts! < slice.ts! + slice.dur!;
}

function groupBy(events: readonly Event[], keyOf: (event: Event) => string): Map<string, Event[]> {
  const groups = new Map<string, Event[]>();
  for (const event of events) {
    const group = groups.get(keyOf(event));
    if (group === undefined) groups.set(keyOf(event), [event]);
    else group.push(event);
  }
  return groups;
}

function overlappingStates(events: readonly Event[]): string[] {
  const untilUs = new Map<number, number>();
  return events
    .filter(({ cat }) => cat === 'state')
    .toSorted((a, b) => a.ts! - b.ts!)
    .flatMap((event) => {
      const overlaps = event.ts! < (untilUs.get(event.pid) ?? 0);
      untilUs.set(event.pid, event.ts! + event.dur!);
      return overlaps ? [`overlaps: ${say(event)}`] : [];
    });
}

function namelessTracks(events: readonly Event[]): string[] {
  const named = new Set(events.filter(({ name }) => name === 'thread_name').map(trackOf));
  return events
    .filter((event) => event.ph !== 'M' && event.ph !== 'C' && !named.has(trackOf(event)))
    .map((event) => `on a track without a name: ${say(event)}`);
}
