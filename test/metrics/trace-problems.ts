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
  const slices = new Map<string, Event[]>();
  for (const event of events) {
    if (event.ph !== 'X') continue;
    const track = `${event.pid} ${event.tid}`;
    slices.set(track, [...(slices.get(track) ?? []), event]);
  }
  const arrows = new Map<string, Event[]>();
  const problems: string[] = [];
  for (const event of events) {
    if (event.ph !== 's' && event.ph !== 'f') continue;
    const key = `${event.cat} ${event.id}`;
    arrows.set(key, [...(arrows.get(key) ?? []), event]);
    const here = slices.get(`${event.pid} ${event.tid}`) ?? [];
    const isBound = here.some(({ ts, dur }) => ts! <= event.ts! && event.ts! < ts! + dur!);
    if (!isBound) problems.push(`on no slice: ${say(event)}`);
  }
  for (const ends of arrows.values()) {
    const [start, end] = ends;
    const isWhole = ends.length === 2 && start?.ph === 's' && end?.ph === 'f' && start.ts! <= end.ts!;
    if (!isWhole) problems.push(`half an arrow: ${ends.map(say).join(' ')}`);
  }
  return problems;
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
  const named = new Set(
    events.filter(({ name }) => name === 'thread_name').map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events
    .filter(({ ph, pid, tid }) => ph !== 'M' && ph !== 'C' && !named.has(`${pid} ${tid}`))
    .map((event) => `on a track without a name: ${say(event)}`);
}
