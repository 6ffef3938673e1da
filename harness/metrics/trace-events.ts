import { decisions } from '../policy/decisions.ts';
import type {
  ClusterEventKind,
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';
import type { InstanceState } from '../policy/views.ts';
import { downtimeUs } from './rows/migration-row.ts';
import type { Sink } from './sinks.ts';
import { clusterPid, clusterTid, instanceTid, TraceWriter } from './trace-writer.ts';

/** Events in a trace by default: about 20 MB of JSON, which Perfetto opens in seconds. */
const defaultMaxEvents = 150_000;

/** The state of an instance after an event that names it. */
const stateAfter: Readonly<Partial<Record<ClusterEventKind, InstanceState>>> = {
  instanceRequested: 'provisioning',
  loadStarted: 'loading',
  instanceReady: 'ready',
  drainStarted: 'draining',
  drainCancelled: 'ready',
  instanceStopped: 'stopped',
  instanceFailed: 'failed',
};

/**
 * Chrome trace events (the Trace Event Format; opens in Perfetto and chrome://tracing): a process for the cluster with
 * decisions and events as instants, and one per instance with its states, its steps, what it sends, the requests that migrate
 * away from it, and counters of KV, weights and queue.
 * Timestamps are the cell's microseconds. Stops at `maxEvents` and says so, in the trace itself.
 */
export class TraceEvents {
  readonly #writer: TraceWriter;
  readonly #states = new Map<number, { state: InstanceState; sinceUs: number }>();
  #numTransfers = 0;
  #numMigrations = 0;
  #isClosed = false;

  constructor(sink: Sink, maxEvents: number = defaultMaxEvents) {
    this.#writer = new TraceWriter(sink, maxEvents);
  }

  stage(record: StageRecord): void {
    if (!this.#writer.reserve(1, record.endedAtUs)) return;
    const { startedAtUs, numRequests, prefillTokens, decodeTokens } = record;
    this.#writer.event(
      `{"ph":"X","name":"${stepName(record)}","cat":"step","pid":${this.#writer.pidOf(record.instanceId)},"tid":${instanceTid.steps},` +
        `"ts":${startedAtUs},"dur":${record.endedAtUs - startedAtUs},"args":{"group":${record.groupId},` +
        `"stage":${record.stageIndex},"requests":${numRequests},"prefill_tokens":${prefillTokens},` +
        `"decode_tokens":${decodeTokens},"bubble_us":${record.bubbleUs}}}`,
    );
  }

  /**
   * Transfers overlap, so each is an async track of the instance that sends (or, from host or disk, receives), with an arrow
   * from where the bytes leave to where they arrive.
   */
  transfer(record: TransferRecord): void {
    if (!this.#writer.reserve(6, record.endedAtUs)) return;
    this.#numTransfers += 1;
    const id = this.#numTransfers;
    const sender = instanceOf(record.source) ?? instanceOf(record.target);
    const receiver = instanceOf(record.target) ?? sender;
    if (sender === undefined || receiver === undefined) return;
    const sendPid = this.#writer.pidOf(sender);
    const { kind, startedAtUs, endedAtUs } = record;
    const args = `{"request":${record.requestId ?? null},"bytes":${record.bytes},"waited_us":${startedAtUs - record.requestedAtUs}}`;
    const track = `"name":"${kind}","cat":"transfer","id":${id},"pid":${sendPid}`;
    this.#writer.event(
      `{"ph":"b",${track},"tid":${instanceTid.transfers},"ts":${startedAtUs},"args":${args}}`,
    );
    this.#writer.event(`{"ph":"e",${track},"tid":${instanceTid.transfers},"ts":${endedAtUs}}`);
    const from = { pid: sendPid, tid: instanceTid.transfers, timeUs: startedAtUs, mark: `send ${kind}` };
    const to = {
      pid: this.#writer.pidOf(receiver),
      tid: instanceTid.transfers,
      timeUs: endedAtUs,
      mark: `receive ${kind}`,
    };
    this.#writer.flow('transfer', id, from, to);
  }

  /**
   * A track of the source for each, with the time in which the request stood still inside it, and an arrow to where it arrived.
   */
  migration(record: MigrationRecord): void {
    if (!this.#writer.reserve(8, record.endedAtUs)) return;
    this.#numMigrations += 1;
    const id = this.#numMigrations;
    const { requestId, startedAtUs, stoppedAtUs, endedAtUs, abortReason } = record;
    const pid = this.#writer.pidOf(record.fromInstanceId);
    const phase = (ph: 'b' | 'e', name: string, timeUs: number, args = '') =>
      this.#writer.event(
        `{"ph":"${ph}","name":"${name}","cat":"migration","id":${id},"pid":${pid},"tid":${instanceTid.migrations},"ts":${timeUs}${args}}`,
      );
    const name = `request ${requestId}${abortReason === undefined ? '' : ' (aborted)'}`;
    const reason = abortReason === undefined ? '' : `,"reason":${JSON.stringify(abortReason)}`;
    phase(
      'b',
      name,
      startedAtUs,
      `,"args":{"protocol":"${record.protocol}","from_group":${record.fromGroupId},"to_group":${record.toGroupId},` +
        `"tokens":${record.tokens},"stages":${record.numStages},"bytes":${record.bytes},` +
        `"downtime_us":${downtimeUs(record) ?? null}${reason}}`,
    );
    if (stoppedAtUs !== undefined) {
      phase('b', 'stopped', stoppedAtUs);
      phase('e', 'stopped', endedAtUs);
    }
    phase('e', name, endedAtUs);
    if (abortReason !== undefined) return;
    const target = this.#writer.pidOf(record.toInstanceId);
    const from = { pid, tid: instanceTid.migrations, timeUs: startedAtUs, mark: `${name} leaves` };
    const to = { pid: target, tid: instanceTid.migrations, timeUs: endedAtUs, mark: `${name} arrives` };
    this.#writer.flow('migration', id, from, to);
  }

  /** Dispatches are left out: there is one per request, and the request log has them. */
  decision(record: DecisionRecord): void {
    if (record.kind === 'dispatch' || !this.#writer.reserve(1, record.timeUs)) return;
    const { subject } = decisions[record.kind];
    const track = subject === 'instances' ? clusterTid.scaling : clusterTid.decisions;
    this.#writer.event(
      `{"ph":"i","name":${JSON.stringify(`${record.kind}${record.outcome === 'rejected' ? ' (rejected)' : ''}`)},"cat":"decision",` +
        `"s":"p","pid":${clusterPid},"tid":${track},"ts":${record.timeUs},"args":{"policy":${JSON.stringify(record.policy)},` +
        `"moment":${JSON.stringify(record.moment)},"reason":${JSON.stringify(record.reason)},"data":${JSON.stringify(record.data)}}}`,
    );
  }

  clusterEvent(record: ClusterEventRecord): void {
    const { instanceId, kind, timeUs } = record;
    if (!this.#writer.reserve(1, timeUs)) return;
    this.#writer.event(
      `{"ph":"i","name":${JSON.stringify(kind)},"cat":"cluster","s":"g","pid":${clusterPid},"tid":${clusterTid.events},"ts":${timeUs},` +
        `"args":{"instance":${instanceId ?? null},"group":${record.groupId ?? null},"detail":${JSON.stringify(record.detail)}}}`,
    );
    if (instanceId === undefined) return;
    const hasLoaded = kind === 'weightsLoaded' && this.#states.get(instanceId)?.state === 'loading';
    const state = hasLoaded ? 'warming-up' : stateAfter[kind];
    if (state !== undefined) this.#enter(instanceId, state, timeUs);
  }

  /** Events tell most changes of state when they happen, samples the others: of members of a pipeline, of survivors of a fault. */
  sample(sample: InstanceSample): void {
    this.#enter(sample.instanceId, sample.state, sample.timeUs);
    if (!this.#writer.reserve(3, sample.timeUs)) return;
    const counter = `{"ph":"C","pid":${this.#writer.pidOf(sample.instanceId)},"tid":0,"ts":${sample.timeUs}`;
    this.#writer.event(
      `${counter},"name":"kv bytes","args":{"used":${sample.kvUsedBytes},"free":${sample.kvFreeBytes}}}`,
    );
    this.#writer.event(
      `${counter},"name":"weight bytes","args":{"held":${sample.weightBytes},"loading":${sample.loadingBytes},` +
        `"dropped":${sample.droppedBytes}}}`,
    );
    this.#writer.event(
      `${counter},"name":"requests","args":{"waiting":${sample.numWaiting},"running":${sample.numRunning},` +
        `"swapped":${sample.numSwapped},"stalled":${sample.numStalled}}}`,
    );
  }

  /** Ends the JSON; the sink stays open. More than once does no harm. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const [instanceId, { state, sinceUs }] of this.#states) {
      this.#stateSlice(instanceId, state, { sinceUs, untilUs: this.#writer.lastTimeUs });
    }
    this.#writer.end();
  }

  /** The slice of the state before is written now. A trace that is full keeps the states of its end, for `close`. */
  #enter(instanceId: number, state: InstanceState, timeUs: number): void {
    const last = this.#states.get(instanceId);
    if (last?.state === state) return;
    if (last !== undefined) {
      if (!this.#writer.reserve(1, timeUs)) return;
      this.#stateSlice(instanceId, last.state, { sinceUs: last.sinceUs, untilUs: timeUs });
    }
    if (state === 'stopped' || state === 'failed') this.#states.delete(instanceId);
    else this.#states.set(instanceId, { state, sinceUs: timeUs });
  }

  #stateSlice(
    instanceId: number,
    state: InstanceState,
    { sinceUs, untilUs }: { readonly sinceUs: number; readonly untilUs: number },
  ): void {
    if (untilUs <= sinceUs) return;
    const where = `"pid":${this.#writer.pidOf(instanceId)},"tid":${instanceTid.state},"ts":${sinceUs},"dur":${untilUs - sinceUs}`;
    this.#writer.event(`{"ph":"X","name":"${state}","cat":"state",${where}}`);
  }
}

function stepName({ prefillTokens, decodeTokens }: StageRecord): string {
  if (prefillTokens === 0) return 'decode';
  return decodeTokens === 0 ? 'prefill' : 'mixed';
}

function instanceOf(place: number | 'host' | 'disk'): number | undefined {
  return typeof place === 'number' ? place : undefined;
}
