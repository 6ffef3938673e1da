import type { Sink } from './sinks.ts';

/** The process of the cluster, and the tracks (threads) of it and of each instance's own process. */
export const clusterPid = 0;
export const clusterTid = { decisions: 1, events: 2, scaling: 3 } as const;
export const instanceTid = { state: 1, steps: 2, transfers: 3, migrations: 4 } as const;

/** One end of an arrow. */
export interface FlowEnd {
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
  /** Name of the mark. */
  readonly mark: string;
}

/**
 * Writes Chrome trace events (the Trace Event Format) as one JSON document: names processes and tracks, keeps to a
 * number of events, draws arrows. Timestamps are the cell's microseconds.
 */
export class TraceWriter {
  readonly #sink: Sink;
  readonly #maxEvents: number;
  readonly #named = new Set<number>();
  #numEvents = 0;
  #numLeftOut = 0;
  #lastTimeUs = 0;

  constructor(sink: Sink, maxEvents: number) {
    this.#sink = sink;
    this.#maxEvents = maxEvents;
    sink.write('{"displayTimeUnit":"ms","traceEvents":[\n');
    this.#nameProcess(clusterPid, 'cluster', clusterTid);
  }

  /** Returns the latest time for which there was room for an event. */
  get lastTimeUs(): number {
    return this.#lastTimeUs;
  }

  /**
   * Asks for room for all events of a record. Returns false when there is not enough, and from then on always, so that
   * the trace has no holes before its end.
   */
  reserve(numEvents: number, timeUs: number): boolean {
    if (this.#numLeftOut > 0 || this.#numEvents + numEvents > this.#maxEvents) {
      this.#numLeftOut += numEvents;
      return false;
    }
    this.#numEvents += numEvents;
    if (timeUs > this.#lastTimeUs) this.#lastTimeUs = timeUs;
    return true;
  }

  /** Writes an event; `json` is one JSON object. */
  event(json: string): void {
    this.#sink.write(`${json},\n`);
  }

  /** Draws an arrow. It must start and end on slices of a thread, so each end gets a mark of 1 us. */
  flow(category: 'transfer' | 'migration', id: number, from: FlowEnd, to: FlowEnd): void {
    this.#flowEnd('s', category, id, from);
    this.#flowEnd('f', category, id, to);
  }

  #flowEnd(phase: 's' | 'f', category: string, id: number, { pid, tid, timeUs, mark }: FlowEnd): void {
    const where = `"pid":${pid},"tid":${tid},"ts":${timeUs}`;
    this.event(`{"ph":"X","name":"${mark}","cat":"${category}",${where},"dur":1}`);
    this.event(`{"ph":"${phase}","bp":"e","name":"${category}","cat":"${category}","id":${id},${where}}`);
  }

  /** Names the instance's process when it is first seen. */
  pidOf(instance: number): number {
    const pid = instance + 1;
    if (!this.#named.has(pid)) this.#nameProcess(pid, `instance ${instance}`, instanceTid);
    return pid;
  }

  /** Ends the document with a mark that says whether it is complete; the sink stays open. */
  end(): void {
    const timeUs = this.#lastTimeUs;
    const isComplete = this.#numLeftOut === 0;
    const note = isComplete ? 'complete' : `cut off at ${timeUs} us: ${this.#maxEvents} events are the most`;
    const where = `"pid":${clusterPid},"tid":${clusterTid.events},"ts":${timeUs}`;
    this.#sink.write(
      `{"ph":"i","name":${JSON.stringify(`trace ${note}`)},"cat":"trace","s":"g",${where}}\n],` +
        `"otherData":{"note":${JSON.stringify(note)},"max_events":${this.#maxEvents},"left_out":${this.#numLeftOut}}}\n`,
    );
  }

  #nameProcess(pid: number, name: string, tracks: Readonly<Record<string, number>>): void {
    this.#named.add(pid);
    this.event(`{"ph":"M","name":"process_name","pid":${pid},"args":{"name":"${name}"}}`);
    this.event(`{"ph":"M","name":"process_sort_index","pid":${pid},"args":{"sort_index":${pid}}}`);
    for (const [track, tid] of Object.entries(tracks)) {
      this.event(`{"ph":"M","name":"thread_name","pid":${pid},"tid":${tid},"args":{"name":"${track}"}}`);
    }
  }
}
