import type { GroupId, InstanceId, RequestId } from '../domain/ids.ts';
import type { DecisionKind } from '../policy/decisions.ts';
import type { DecidingMoment } from '../policy/moments.ts';
import type { InstanceState } from '../policy/views.ts';

/**
 * What the core tells whoever records a run. Calls are synchronous and in order of virtual time; a
 * record is the observer's to keep.
 */
export interface Observer {
  /** A request finished, failed, was rejected or aborted, or the run ended with it unfinished. */
  requestEnded(record: RequestRecord): void;
  /** A token after a request's first: time since the one before. Called once a token: keep it cheap. */
  tokenGap(gapUs: number, arrivedAtUs: number): void;
  /** A micro-batch has left one stage. */
  stageEnded(record: StageRecord): void;
  decision(record: DecisionRecord): void;
  /** Once per instance every sampling period, and once at the end. */
  sample(record: InstanceSample): void;
  transferEnded(record: TransferRecord): void;
  /** A migration of a running request is done, or was aborted. */
  migrationEnded(record: MigrationRecord): void;
  /** Something happened that matters to a reader: an instance is ready or has failed, groups were merged or split. */
  clusterEvent(record: ClusterEventRecord): void;
}

export type EndStatus = 'finished' | 'failed' | 'rejected' | 'aborted' | 'unfinished';

export interface RequestRecord {
  readonly id: RequestId;
  readonly sessionId: RequestId;
  readonly parentId: RequestId | undefined;
  readonly className: string;
  readonly status: EndStatus;
  readonly endReason: string | undefined;
  readonly arrivedAtUs: number;
  readonly firstScheduledAtUs: number | undefined;
  readonly firstTokenAtUs: number | undefined;
  readonly endedAtUs: number | undefined;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly generatedTokens: number;
  readonly maxTokenGapUs: number;
  readonly groupId: GroupId | undefined;
  readonly numPreemptions: number;
  readonly numSwaps: number;
  readonly numMigrations: number;
  readonly preemptedUs: number;
  readonly stalledUs: number;
}

export interface StageRecord {
  readonly instanceId: InstanceId;
  readonly groupId: GroupId;
  readonly stageIndex: number;
  readonly numStages: number;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
  readonly numRequests: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  /** Time that the stage stood idle between two micro-batches of the same busy period (pipelines only). */
  readonly bubbleUs: number;
}

export interface DecisionRecord {
  readonly timeUs: number;
  readonly policy: string;
  readonly moment: DecidingMoment;
  readonly kind: DecisionKind;
  readonly data: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly outcome: 'applied' | 'rejected';
  readonly error?: string;
}

export interface InstanceSample {
  readonly timeUs: number;
  readonly instanceId: InstanceId;
  /** The group that it serves in; -1 where there is none any more. */
  readonly groupId: GroupId | -1;
  readonly role: string;
  readonly state: InstanceState;
  readonly weightBytes: number;
  readonly kvUsedBytes: number;
  readonly kvFreeBytes: number;
  readonly reserveBytes: number;
  /** Kept free for weights that are on their way. */
  readonly loadingBytes: number;
  /** Weights of the whole model less those held or on their way: what dropping layers has freed. */
  readonly droppedBytes: number;
  readonly hostKvBytes: number;
  /** KV that all waiting requests need for the tokens that they have now, on this instance alone; and the first of them. */
  readonly waitingKvBytes: number;
  readonly headKvBytes: number;
  /** Requests of the groups whose first stage it runs (0 on other members). */
  readonly numWaiting: number;
  readonly numRunning: number;
  readonly numSwapped: number;
  readonly numStalled: number;
  /** Tokens computed and microseconds busy since the last sample. */
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly busyUs: number;
}

export type TransferKind =
  | 'activations'
  /** Remote attention: queries, new K and V to where the KV is, results back. */
  | 'attention'
  | 'exchange'
  | 'migration'
  | 'swap-out'
  | 'swap-in'
  | 'weights';

export interface TransferRecord {
  readonly kind: TransferKind;
  readonly requestId: RequestId | undefined;
  /** `host`: host memory; for `swap-in` perhaps that beside another instance. */
  readonly source: InstanceId | 'host' | 'disk';
  readonly target: InstanceId | 'host';
  readonly bytes: number;
  readonly requestedAtUs: number;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
}

export interface MigrationRecord {
  readonly requestId: RequestId;
  readonly fromGroupId: GroupId;
  readonly toGroupId: GroupId;
  /** The instances that run the groups' first stages. */
  readonly fromInstanceId: InstanceId;
  readonly toInstanceId: InstanceId;
  readonly protocol: 'live' | 'blocking' | 'recompute';
  /** Prompt and generated tokens of the request at the end of the migration. */
  readonly tokens: number;
  /** Stages of copying begun; 0 where nothing was copied. */
  readonly numStages: number;
  /** Bytes of KV that have travelled or were about to. */
  readonly bytes: number;
  readonly startedAtUs: number;
  /** When the request was stopped for the last stage; `undefined` if it never was. */
  readonly stoppedAtUs: number | undefined;
  readonly endedAtUs: number;
  /** Why it was aborted; `undefined` for one that is done. */
  readonly abortReason: string | undefined;
}

export interface ClusterEventRecord {
  readonly timeUs: number;
  readonly kind: ClusterEventKind;
  readonly instanceId: InstanceId | undefined;
  readonly groupId: GroupId | undefined;
  readonly detail: string;
}

export type ClusterEventKind =
  /** An instance is asked for, loads, has failed to start, serves, drains, drains no more, is released, has failed, has another role. */
  | 'instanceRequested'
  | 'loadStarted'
  | 'startFailed'
  | 'instanceReady'
  | 'drainStarted'
  | 'drainCancelled'
  | 'instanceStopped'
  | 'instanceFailed'
  | 'roleChanged'
  /** Weights of an instance changed; the detail gives the bytes by plan and, where they are real, of the tensors. */
  | 'weightsDropped'
  | 'weightsLoaded'
  | 'groupsMerged'
  | 'restoreStarted'
  | 'restoreCancelled'
  | 'groupSplit'
  | 'groupRetired';
