import type { z } from 'zod';
import type { Hardware } from '../domain/hardware.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { RequestClass } from '../domain/workload.ts';
import type { Rng } from '../base/rng.ts';
import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { ClusterView, GroupView, MemoryNeed, PolicyEvent, RequestView } from './views.ts';
import type { Capabilities } from './capabilities.ts';
import type { Decision, DispatchDecision } from './decisions.ts';
import type { Limits } from './limits.ts';

/** The family that a report files a policy under; a dispatcher belongs to none (`support`). */
export type PolicyFamily = 'kv-centric' | 'parameter-centric' | 'autoscaling' | 'bound' | 'support' | 'other';

/** What `create` gets besides its parameters. */
export interface PolicyDeps {
  /** A stream of the policy's own: drawing from it never shifts the workload. */
  readonly rng: Rng;
  readonly model: ModelShape;
  /** Hardware of an instance that will be started; one that exists has its own (`InstanceView.hardware`). */
  readonly startHardware: Hardware;
  readonly blockSizeTokens: number;
  /** Classes of requests with their priorities and targets. */
  readonly classes: readonly RequestClass[];
  /** Returns the true answer length in tokens of a request. `undefined` unless the policy declares itself an oracle. */
  readonly trueOutputTokens?: (requestId: RequestId) => number;
}

/**
 * The moments at which the core asks. All are optional. Except where a moment says otherwise, a stack is asked in order and
 * the first answer (anything but `undefined` or an empty list) decides. Answers are plain data; the core checks and applies
 * them.
 */
export interface Policy {
  /** How many instances there are at the start, up to `maxInstances`; without an answer the configuration decides. */
  initialInstances?(configured: number, maxInstances: number): number | undefined;
  /**
   * Which instances serve together from the start, as pipelines in this order; each instance once. Asked once, before
   * anything runs; without an answer the configuration decides.
   */
  initialGroups?(instanceIds: readonly InstanceId[]): readonly (readonly InstanceId[])[] | undefined;
  /** A request has arrived, or was held and may be placed now. */
  dispatch?(request: RequestView, view: ClusterView): DispatchDecision | undefined;
  /** Order of a group's waiting queue, by request id, asked before each step. First come first served without it. */
  order?(group: GroupView, view: ClusterView): readonly RequestId[] | undefined;
  /** Limits of the group's next step, instead of those that it has; a limit that is not given stays. */
  limits?(group: GroupView, view: ClusterView): Partial<Limits> | undefined;
  /** Before each step: bring swapped requests back, move others. */
  onSchedule?(group: GroupView, view: ClusterView): readonly Decision[] | undefined;
  /** Splits the next batch of a pipeline: for each micro-batch, tokens by request id. Even split without it. */
  formMicroBatches?(batch: BatchView, group: GroupView): readonly MicroBatchPlan[] | undefined;
  /**
   * A running request needs a block and there is none; where nothing can run, a stalled one that has no room to move. Asked
   * again until the need is met, the answer is `wait` or the request itself has been given up. When all of an answer is
   * refused, the next policy is asked; without one the request waits as well.
   */
  onMemoryPressure?(group: GroupView, need: MemoryNeed, view: ClusterView): readonly Decision[] | undefined;
  /** `onTick` is called this often, in whole microseconds of virtual time; goes with `onTick`. */
  readonly tickUs?: number;
  /** Asked of this policy alone, at its own interval; an answer never stops another's tick. */
  onTick?(view: ClusterView): readonly Decision[] | undefined;
  /** Something has happened. Every member is told in stack order, and every answer is applied. */
  onEvent?(event: PolicyEvent, view: ClusterView): readonly Decision[] | undefined;
  /** A stage has run: what it was given and how long it took, for policies that learn. Every member of a stack is told. */
  onStage?(timing: StageTiming): void;
  /** Figures of its own for the summary and the report, asked at the end; `null` where one is undefined. */
  stats?(): Readonly<Record<string, number | null>>;
}

/**
 * One micro-batch on one stage. Over its entries of c new tokens after p computed ones: `attentionPairs` is the sum of
 * p * c + c * (c + 1) / 2. Attention that other instances compute is left out of this sum, of `contextTokens` and of the time.
 */
export interface StageTiming {
  readonly numLayers: number;
  readonly isLast: boolean;
  readonly numEntries: number;
  readonly totalTokens: number;
  /** How many of `totalTokens` are decoded. */
  readonly decodeTokens: number;
  readonly attentionPairs: number;
  /** The sum of p + c over the entries: the KV rows that one layer reads. */
  readonly contextTokens: number;
  readonly durationUs: number;
}

export interface BatchView {
  readonly entries: readonly {
    readonly request: RequestView;
    readonly numTokens: number;
    /** Tokens before these, computed or in a micro-batch under way. */
    readonly pastTokens: number;
  }[];
  readonly totalTokens: number;
}

export interface MicroBatchPlan {
  readonly entries: readonly { readonly requestId: RequestId; readonly numTokens: number }[];
}

/** A policy as a plug-in: its name, what it can do, its parameters, and how to make one for a run. */
export interface PolicyDefinition<Name extends string = string, Params extends z.ZodType = z.ZodType> {
  readonly name: Name;
  readonly family: PolicyFamily;
  /** One sentence for `bench list` and the report. */
  readonly summary: string;
  readonly params: Params;
  readonly capabilities: Capabilities;
  create(params: z.output<Params>, deps: PolicyDeps): Policy;
}

/** Declares a policy; the default export of a plug-in file is what this returns. */
export function definePolicy<const Name extends string, Params extends z.ZodType>(
  definition: PolicyDefinition<Name, Params>,
): PolicyDefinition<Name, Params> {
  return definition;
}
