import type { Hardware } from '../domain/hardware.ts';
import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { RequestSpec } from '../domain/workload.ts';

/** Where KV of a request lies: on an instance's device, or in the host memory beside it. */
export interface KvStore {
  readonly instanceId: InstanceId;
  readonly tier: 'device' | 'host';
}

/**
 * One micro-batch as a ragged batch: entry i computes `numTokens[i]` new tokens of request `requestIds[i]` after
 * `pastTokens[i]` tokens whose KV exists. The arrays are reused between steps: read them, never keep them.
 */
export interface MicroBatch {
  /** Tells micro-batches in flight apart: those of a pipeline interleave stage by stage. */
  readonly id: number;
  readonly size: number;
  readonly requestIds: ArrayLike<RequestId>;
  readonly numTokens: ArrayLike<number>;
  readonly pastTokens: ArrayLike<number>;
  /** 1 where the entry reaches the end of the known tokens, so that a new token is sampled from it. */
  readonly samples: ArrayLike<number>;
  readonly totalTokens: number;
  /** Sum over entries of tokens attended to: numTokens * pastTokens + numTokens * (numTokens + 1) / 2. */
  readonly attentionPairs: number;
  /** Sum over entries of pastTokens + numTokens: KV rows that one layer reads. */
  readonly contextTokens: number;
  /** The part of `contextTokens` that entries which decode have, one new token each. */
  readonly decodeContextTokens: number;
  /** Entries with a placement in `placements`; 0 nearly always. */
  readonly numRemote: number;
  /** Where an entry's KV lies when that is not where the stages run (remote attention); `undefined` otherwise. */
  readonly placements: ArrayLike<KvPlacement | undefined>;
  /** Attention of the stage that runs now which other instances compute, one for each; empty nearly always. */
  readonly remote: readonly RemoteAttention[];
}

/**
 * What one instance computes of a micro-batch's attention in the layers of one stage, because the KV is there (remote
 * attention): sums over entries, each counted in every layer of which the instance holds its KV.
 */
export interface RemoteAttention {
  readonly ownerId: InstanceId;
  /** How many messages go each way, one a layer. */
  readonly numLayers: number;
  /** New tokens, each counted in every layer: their queries, keys and values come, and a result goes back for each. */
  readonly tokenLayers: number;
  /** As `attentionPairs`, `contextTokens` and `decodeContextTokens` of the micro-batch, each entry counted in every layer. */
  readonly pairLayers: number;
  readonly contextLayers: number;
  readonly decodeContextLayers: number;
}

/** Which instance holds KV of which layers of one request; together every layer once, in order. */
export type KvPlacement = readonly { readonly instanceId: InstanceId; readonly layers: LayerRange }[];

/** The part of a forward pass that one member of a group runs. */
export interface Stage {
  readonly instanceId: InstanceId;
  readonly stageIndex: number;
  readonly layers: LayerRange;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/**
 * Runs steps and holds memory; decides nothing. Synchronous, because TensorFlow's binding runs an op synchronously
 * and the core has no `await`. Every call is made by the core in an order that is the same for every executor.
 */
export interface Executor {
  /**
   * Makes an instance: weights of `layers`, of which there may be none yet, plus the resident ones, and `numCells` KV cells.
   * What its steps take is that of `hardware` where they are not really executed.
   */
  startInstance(instanceId: InstanceId, layers: LayerRange, numCells: number, hardware: Hardware): void;
  /** Frees everything that the instance holds. */
  stopInstance(instanceId: InstanceId): void;
  /**
   * Changes which layers and how many KV cells an instance holds (drop, restore, elastic memory); KV in use stays.
   * `sources` says where layers that it lacks come from.
   */
  reshapeInstance(
    instanceId: InstanceId,
    layers: LayerRange,
    numCells: number,
    sources?: readonly WeightSource[],
  ): void;

  /** A request has arrived; it may still be rejected. */
  addRequest(spec: RequestSpec): void;
  /** A request has ended, however: its KV is gone, and the tokens that it has been given are checked after the run. */
  endRequest(requestId: RequestId, numGenerated: number): void;

  /**
   * Runs the micro-batch through one stage and returns how long it took, in whole microseconds (at least 1). Stages of
   * a micro-batch run in order, and micro-batches pass each stage in the same order, but other micro-batches may run
   * between two stages of one. KV blocks for `pastTokens + numTokens` are taken on the stage's instance, or where the
   * entry's placement says: attention of that entry then runs on the KV there, and its time is no part of this one.
   */
  runStage(batch: MicroBatch, stage: Stage): number;
  /**
   * How long attention of that stage takes on the instance that has the KV, in whole microseconds (at least 1). Asked right
   * after `runStage`, once for each of `batch.remote`.
   */
  attentionUs(batch: MicroBatch, stage: Stage, remote: RemoteAttention): number;
  /**
   * The micro-batch will not go on, because a member failed: tokens that it has sampled do not count. Called before
   * any of its requests runs or ends, and before the failed instance is stopped.
   */
  abandonBatch(batch: MicroBatch): void;

  /**
   * Copies KV of `layers`, of tokens `firstToken` (the first of a block; 0 where not given) up to `numTokens`; the source
   * keeps its copy until `releaseKv`. Those before `firstToken` are at the target already.
   */
  copyKv(
    requestId: RequestId,
    layers: LayerRange,
    move: { from: KvStore; to: KvStore; firstToken?: number; numTokens: number },
  ): void;
  /** Gives back the cells (or host memory) that hold KV of `layers` of the request. */
  releaseKv(requestId: RequestId, layers: LayerRange, store: KvStore): void;

  /** Cells in use on an instance's device, for the audit against the core's ledger; `undefined` where none are kept. */
  audit(instanceId: InstanceId): ExecutorAudit | undefined;
  close(): void;
}

/** Weights of layers that an instance gets: copied from a peer that holds them, or read from host memory or disk. */
export interface WeightSource {
  readonly layers: LayerRange;
  readonly from: InstanceId | 'host' | 'disk';
}

/** What the executor really holds for one instance, counted from its own tensors. */
export interface ExecutorAudit {
  readonly weightBytes: number;
  readonly usedCells: number;
  readonly totalCells: number;
}
