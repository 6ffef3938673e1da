import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  RequestRecord,
  StageRecord,
  TransferRecord,
} from '../../harness/core/observer.ts';
import type { RequestClass } from '../../harness/domain/workload.ts';
import type { RequestRow } from '../../harness/metrics/results.ts';
import { withIds } from '../plain-ids.ts';

export const interactive: RequestClass = {
  name: 'interactive',
  priority: 1,
  slo: { ttftUs: 500_000, tpotUs: 50_000 },
};

/** Arrives at 1 s, first token after 200 ms, then nine tokens every 20 ms. */
export const finishedRequest = withIds<RequestRecord>({
  id: 0,
  sessionId: 0,
  parentId: undefined,
  className: 'interactive',
  status: 'finished',
  endReason: undefined,
  arrivedAtUs: 1_000_000,
  firstScheduledAtUs: 1_050_000,
  firstTokenAtUs: 1_200_000,
  endedAtUs: 1_380_000,
  promptTokens: 100,
  outputTokens: 10,
  generatedTokens: 10,
  maxTokenGapUs: 20_000,
  groupId: 0,
  numPreemptions: 0,
  numSwaps: 0,
  numMigrations: 0,
  preemptedUs: 0,
  stalledUs: 0,
});

export const rejectedRequest = withIds<RequestRecord>({
  ...finishedRequest,
  id: 1,
  status: 'rejected',
  endReason: 'no room',
  firstScheduledAtUs: undefined,
  firstTokenAtUs: undefined,
  endedAtUs: 1_000_000,
  generatedTokens: 0,
  maxTokenGapUs: 0,
  groupId: undefined,
});

export const stage = withIds<StageRecord>({
  instanceId: 2,
  groupId: 1,
  stageIndex: 0,
  numStages: 2,
  startedAtUs: 1000,
  endedAtUs: 4000,
  numRequests: 3,
  prefillTokens: 0,
  decodeTokens: 3,
  bubbleUs: 1000,
});

export const preemption: DecisionRecord = {
  timeUs: 5000,
  policy: 'swap',
  moment: 'onMemoryPressure',
  kind: 'preempt',
  data: { requestId: 4, mode: 'swap' },
  reason: 'needs 3 blocks',
  outcome: 'applied',
};

export const dispatch: DecisionRecord = {
  timeUs: 10,
  policy: 'least-loaded',
  moment: 'dispatch',
  kind: 'dispatch',
  data: { requestId: 4, groupId: 1 },
  reason: 'lowest load 0.2',
  outcome: 'applied',
};

export const sample = withIds<InstanceSample>({
  timeUs: 0,
  instanceId: 2,
  groupId: 1,
  role: 'serve',
  state: 'ready',
  weightBytes: 1000,
  kvUsedBytes: 100,
  kvFreeBytes: 300,
  reserveBytes: 0,
  loadingBytes: 40,
  droppedBytes: 50,
  hostKvBytes: 0,
  waitingKvBytes: 60,
  headKvBytes: 20,
  numWaiting: 5,
  numRunning: 6,
  numSwapped: 7,
  numStalled: 2,
  prefillTokens: 8,
  decodeTokens: 9,
  busyUs: 10,
});

export const transfer = withIds<TransferRecord>({
  kind: 'migration',
  requestId: 4,
  source: 2,
  target: 3,
  bytes: 4096,
  requestedAtUs: 100,
  startedAtUs: 150,
  endedAtUs: 400,
});

/** Two copies in 300 us, the request stopped for the last 40. */
export const migration = withIds<MigrationRecord>({
  requestId: 4,
  fromGroupId: 1,
  toGroupId: 5,
  fromInstanceId: 2,
  toInstanceId: 3,
  protocol: 'live',
  tokens: 90,
  numStages: 2,
  bytes: 8192,
  startedAtUs: 100,
  stoppedAtUs: 360,
  endedAtUs: 400,
  abortReason: undefined,
});

export const clusterEvent = withIds<ClusterEventRecord>({
  timeUs: 77,
  kind: 'instanceReady',
  instanceId: 2,
  groupId: undefined,
  detail: 'after a cold start',
});

/** The row that a record becomes, built the plain way. */
export function rowOf(record: RequestRecord): RequestRow {
  return {
    id: record.id,
    session: record.sessionId,
    parent: record.parentId ?? null,
    class: record.className,
    status: record.status,
    ...(record.endReason === undefined ? {} : { reason: record.endReason }),
    arrived_at_us: record.arrivedAtUs,
    first_scheduled_at_us: record.firstScheduledAtUs ?? null,
    first_token_at_us: record.firstTokenAtUs ?? null,
    ended_at_us: record.endedAtUs ?? null,
    prompt_tokens: record.promptTokens,
    output_tokens: record.outputTokens,
    generated_tokens: record.generatedTokens,
    max_itl_us: record.generatedTokens < 2 ? null : record.maxTokenGapUs,
    group: record.groupId ?? null,
    preemptions: record.numPreemptions,
    swaps: record.numSwaps,
    migrations: record.numMigrations,
    preempted_us: record.preemptedUs,
    stalled_us: record.stalledUs,
  };
}
