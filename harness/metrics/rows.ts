import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  RequestRecord,
  TransferRecord,
} from '../core/observer.ts';

/*
 * One line per record, byte for byte what `JSON.stringify` makes of the row that `results.ts` declares. Built by hand,
 * because these run in the simulator's hot path and need no intermediate object.
 */

export function requestLine(record: RequestRecord): string {
  const reason = record.endReason === undefined ? '' : `,"reason":${quote(record.endReason)}`;
  const maxGapUs = record.generatedTokens < 2 ? null : record.maxTokenGapUs;
  return (
    `{"id":${record.id},"class":${quote(record.className)},"status":"${record.status}"${reason},` +
    `"arrived_at_us":${record.arrivedAtUs},"first_scheduled_at_us":${record.firstScheduledAtUs ?? null},` +
    `"first_token_at_us":${record.firstTokenAtUs ?? null},"ended_at_us":${record.endedAtUs ?? null},` +
    `"prompt_tokens":${record.promptTokens},"output_tokens":${record.outputTokens},` +
    `"generated_tokens":${record.generatedTokens},"max_itl_us":${maxGapUs},"group":${record.groupId ?? null},` +
    `"preemptions":${record.numPreemptions},"swaps":${record.numSwaps},"migrations":${record.numMigrations},` +
    `"preempted_us":${record.preemptedUs},"stalled_us":${record.stalledUs}}\n`
  );
}

export function decisionLine(record: DecisionRecord): string {
  const error = record.error === undefined ? '' : `,"error":${quote(record.error)}`;
  return (
    `{"time_us":${record.timeUs},"policy":${quote(record.policy)},"moment":${quote(record.moment)},` +
    `"kind":${quote(record.kind)},"data":${JSON.stringify(record.data)},"reason":${quote(record.reason)},` +
    `"outcome":"${record.outcome}"${error}}\n`
  );
}

export function transferLine(record: TransferRecord): string {
  return (
    `{"kind":"${record.kind}","request":${record.requestId ?? null},"source":${place(record.source)},` +
    `"target":${place(record.target)},"bytes":${record.bytes},"requested_us":${record.requestedAtUs},` +
    `"started_us":${record.startedAtUs},"ended_us":${record.endedAtUs}}\n`
  );
}

export function migrationLine(record: MigrationRecord): string {
  const { abortReason } = record;
  const outcome = abortReason === undefined ? '"done"' : `"aborted","reason":${quote(abortReason)}`;
  return (
    `{"request":${record.requestId},"from_group":${record.fromGroup},"to_group":${record.toGroup},` +
    `"from_instance":${record.fromInstance},"to_instance":${record.toInstance},"protocol":"${record.protocol}",` +
    `"tokens":${record.tokens},"stages":${record.numStages},"bytes":${record.bytes},` +
    `"started_us":${record.startedAtUs},"stopped_us":${record.stoppedAtUs ?? null},"ended_us":${record.endedAtUs},` +
    `"downtime_us":${downtimeUs(record) ?? null},"outcome":${outcome}}\n`
  );
}

/**
 * How long the request stood still for its migration; `undefined` where it was aborted, and for `recompute`, where the
 * request has yet to be computed again when the migration ends.
 */
export function downtimeUs(record: MigrationRecord): number | undefined {
  const { stoppedAtUs, endedAtUs, abortReason, protocol } = record;
  if (stoppedAtUs === undefined || abortReason !== undefined || protocol === 'recompute') return undefined;
  return endedAtUs - stoppedAtUs;
}

export function clusterEventLine(record: ClusterEventRecord): string {
  return (
    `{"time_us":${record.timeUs},"kind":${quote(record.kind)},"instance":${record.instance ?? null},` +
    `"group":${record.groupId ?? null},"detail":${quote(record.detail)}}\n`
  );
}

/** In the order of `timeseriesColumns`. */
export function sampleLine(sample: InstanceSample): string {
  return (
    `${sample.timeUs},${sample.instance},${sample.groupId},${csvField(sample.role)},${sample.state},` +
    `${sample.weightBytes},${sample.kvUsedBytes},${sample.kvFreeBytes},${sample.reserveBytes},` +
    `${sample.loadingBytes},${sample.droppedBytes},${sample.hostKvBytes},${sample.waitingKvBytes},${sample.headKvBytes},` +
    `${sample.numWaiting},${sample.numRunning},${sample.numSwapped},${sample.numStalled},` +
    `${sample.prefillTokens},${sample.decodeTokens},${sample.busyUs}\n`
  );
}

function place(where: number | 'host' | 'disk'): string {
  return typeof where === 'number' ? String(where) : `"${where}"`;
}

/** What JSON must escape: quote, backslash, control characters and lone surrogates. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

export function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** RFC 4180. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
