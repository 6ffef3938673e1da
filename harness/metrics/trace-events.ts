import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';
import { quote } from './rows.ts';
import type { Sink } from './sinks.ts';

/** About 20 MB of JSON, which Perfetto opens in seconds. */
const defaultMaxEvents = 150_000;

const clusterPid = 0;
const stepsTid = 1;
const transfersTid = 2;

/**
 * Chrome trace events (the Trace Event Format; opens in Perfetto and chrome://tracing): a process for the cluster with
 * decisions and events as instants, and one per instance with its steps, its transfers and counters of KV, weights and queue.
 * Timestamps are the cell's microseconds. Stops at `maxEvents` and says so, in the trace itself.
 */
export class TraceEvents {
  readonly #sink: Sink;
  readonly #maxEvents: number;
  readonly #named = new Set<number>();
  #numEvents = 0;
  #numLeftOut = 0;
  #numTransfers = 0;
  #lastTimeUs = 0;
  #isClosed = false;

  constructor(sink: Sink, maxEvents: number = defaultMaxEvents) {
    this.#sink = sink;
    this.#maxEvents = maxEvents;
    sink.write('{"displayTimeUnit":"ms","traceEvents":[\n');
    sink.write(processName(clusterPid, 'cluster'));
  }

  stage(record: StageRecord): void {
    if (!this.#hasRoom(1, record.endedAtUs)) return;
    const { startedAtUs, numRequests, prefillTokens, decodeTokens } = record;
    this.#event(
      `{"ph":"X","name":"${stepName(record)}","cat":"step","pid":${this.#pidOf(record.instance)},"tid":${stepsTid},` +
        `"ts":${startedAtUs},"dur":${record.endedAtUs - startedAtUs},"args":{"group":${record.groupId},` +
        `"stage":${record.stageIndex},"requests":${numRequests},"prefill_tokens":${prefillTokens},` +
        `"decode_tokens":${decodeTokens},"bubble_us":${record.bubbleUs}}}`,
    );
  }

  /**
   * Transfers overlap, so each is an async track of the instance that sends (or, from host or disk, receives). Flow
   * arrows must start and end on slices of a thread: a mark of 1 us where the bytes leave and where they arrive.
   */
  transfer(record: TransferRecord): void {
    if (!this.#hasRoom(6, record.endedAtUs)) return;
    this.#numTransfers += 1;
    const id = this.#numTransfers;
    const sender = instanceOf(record.source) ?? instanceOf(record.target);
    const receiver = instanceOf(record.target) ?? sender;
    if (sender === undefined || receiver === undefined) return;
    const sendPid = this.#pidOf(sender);
    const { kind, startedAtUs, endedAtUs } = record;
    const args = `{"request":${record.requestId ?? null},"bytes":${record.bytes},"waited_us":${startedAtUs - record.requestedAtUs}}`;
    const track = `"name":"${kind}","cat":"transfer","id":${id},"pid":${sendPid}`;
    this.#event(`{"ph":"b",${track},"tid":${transfersTid},"ts":${startedAtUs},"args":${args}}`);
    this.#event(`{"ph":"e",${track},"tid":${transfersTid},"ts":${endedAtUs}}`);
    this.#flowEnd('s', `send ${kind}`, { id, pid: sendPid, timeUs: startedAtUs });
    this.#flowEnd('f', `receive ${kind}`, { id, pid: this.#pidOf(receiver), timeUs: endedAtUs });
  }

  migration(_record: MigrationRecord): void {}

  /** Dispatches are left out: there is one per request, and the request log has them. */
  decision(record: DecisionRecord): void {
    if (record.kind === 'dispatch' || !this.#hasRoom(1, record.timeUs)) return;
    this.#event(
      `{"ph":"i","name":${quote(`${record.kind}${record.outcome === 'rejected' ? ' (rejected)' : ''}`)},"cat":"decision",` +
        `"s":"p","pid":${clusterPid},"tid":1,"ts":${record.timeUs},"args":{"policy":${quote(record.policy)},` +
        `"moment":${quote(record.moment)},"reason":${quote(record.reason)},"data":${JSON.stringify(record.data)}}}`,
    );
  }

  clusterEvent(record: ClusterEventRecord): void {
    if (!this.#hasRoom(1, record.timeUs)) return;
    this.#event(
      `{"ph":"i","name":${quote(record.kind)},"cat":"cluster","s":"g","pid":${clusterPid},"tid":2,"ts":${record.timeUs},` +
        `"args":{"instance":${record.instance ?? null},"group":${record.groupId ?? null},"detail":${quote(record.detail)}}}`,
    );
  }

  sample(sample: InstanceSample): void {
    if (!this.#hasRoom(3, sample.timeUs)) return;
    const counter = `{"ph":"C","pid":${this.#pidOf(sample.instance)},"tid":0,"ts":${sample.timeUs}`;
    this.#event(
      `${counter},"name":"kv bytes","args":{"used":${sample.kvUsedBytes},"free":${sample.kvFreeBytes}}}`,
    );
    this.#event(
      `${counter},"name":"weight bytes","args":{"held":${sample.weightBytes},"loading":${sample.loadingBytes},` +
        `"dropped":${sample.droppedBytes}}}`,
    );
    this.#event(
      `${counter},"name":"requests","args":{"waiting":${sample.numWaiting},"running":${sample.numRunning},` +
        `"swapped":${sample.numSwapped},"exchanging":${sample.numExchanging}}}`,
    );
  }

  /** Ends the JSON; the sink stays open. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const note =
      this.#numLeftOut === 0
        ? 'complete'
        : `cut off at ${this.#lastTimeUs} us: ${this.#maxEvents} events are the most`;
    const mark = `{"ph":"i","name":${quote(`trace ${note}`)},"cat":"trace","s":"g","pid":${clusterPid},"tid":1,"ts":${this.#lastTimeUs}}`;
    this.#sink.write(
      `${mark}\n],"otherData":{"note":${quote(note)},"max_events":${this.#maxEvents},"left_out":${this.#numLeftOut}}}\n`,
    );
  }

  /** All events of a record or none; once it is full it stays full, so that the trace has no holes before its end. */
  #hasRoom(numEvents: number, timeUs: number): boolean {
    if (this.#numLeftOut > 0 || this.#numEvents + numEvents > this.#maxEvents) {
      this.#numLeftOut += numEvents;
      return false;
    }
    this.#numEvents += numEvents;
    if (timeUs > this.#lastTimeUs) this.#lastTimeUs = timeUs;
    return true;
  }

  #event(json: string): void {
    this.#sink.write(`${json},\n`);
  }

  #flowEnd(phase: 's' | 'f', name: string, at: { id: number; pid: number; timeUs: number }): void {
    const where = `"pid":${at.pid},"tid":${transfersTid},"ts":${at.timeUs}`;
    this.#event(`{"ph":"X","name":"${name}","cat":"transfer",${where},"dur":1}`);
    this.#event(`{"ph":"${phase}","bp":"e","name":"transfer","cat":"transfer","id":${at.id},${where}}`);
  }

  /** Names the instance's process when it is first seen. */
  #pidOf(instance: number): number {
    const pid = instance + 1;
    if (this.#named.has(pid)) return pid;
    this.#named.add(pid);
    this.#sink.write(processName(pid, `instance ${instance}`));
    this.#sink.write(threadName(pid, stepsTid, 'steps'));
    this.#sink.write(threadName(pid, transfersTid, 'transfers'));
    return pid;
  }
}

function stepName({ prefillTokens, decodeTokens }: StageRecord): string {
  if (prefillTokens === 0) return 'decode';
  return decodeTokens === 0 ? 'prefill' : 'mixed';
}

function instanceOf(place: number | 'host' | 'disk'): number | undefined {
  return typeof place === 'number' ? place : undefined;
}

function processName(pid: number, name: string): string {
  const order = `{"ph":"M","name":"process_sort_index","pid":${pid},"args":{"sort_index":${pid}}},\n`;
  return `{"ph":"M","name":"process_name","pid":${pid},"args":{"name":"${name}"}},\n${order}`;
}

function threadName(pid: number, tid: number, name: string): string {
  return `{"ph":"M","name":"thread_name","pid":${pid},"tid":${tid},"args":{"name":"${name}"}},\n`;
}
