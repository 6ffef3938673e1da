import { assert } from '../../base/assert.ts';
import { removeFrom } from '../../base/lists.ts';
import type { Rng } from '../../base/rng.ts';
import { PolicyError } from '../../base/errors.ts';
import type { Limits } from '../../policy/decisions.ts';
import type { PolicyStack } from '../../policy/stack.ts';
import type { ClusterView, GroupPhase, InstanceState, PolicyEvent } from '../../policy/views.ts';
import type { EngineRules } from '../engine.ts';
import { EventQueue, eventPriority } from './events.ts';
import type { Executor, WeightSource } from '../executor.ts';
import { Fabric } from './fabric.ts';
import { InstanceGroup } from './group.ts';
import { HeldQueue } from './held-queue.ts';
import type { Hardware } from '../../domain/hardware.ts';
import { Instance } from './instance.ts';
import type { KvLayout, LayoutPart } from './kv-layout.ts';
import { splitLayers } from '../groups/layer-split.ts';
import { MemoryLedger } from './ledger.ts';
import { type LoadReporting, LoadReports } from './load/load-reports.ts';
import {
  heldWeightBytes,
  kvCellBytes,
  type LayerRange,
  type ModelShape,
  modelWeightBytes,
} from '../../domain/model-shape.ts';
import type { ClusterEventKind, Observer } from '../observer.ts';
import type { Request } from './request.ts';
import type { WeightLoad } from './weight-load.ts';
import type { RequestClass, Workload } from '../../domain/workload.ts';

export interface ClusterOptions {
  readonly model: ModelShape;
  readonly hardware: Hardware;
  /** At the start, unless a policy says otherwise. */
  readonly numInstances: number;
  /** The most that there may be at any time. */
  readonly maxInstances: number;
  /** How long each cold start takes, and which fail. */
  readonly startRng: Rng;
  /** Instances per group: above 1 every group is a static pipeline. */
  readonly stagesPerGroup: number;
  readonly blockSizeTokens: number;
  readonly engine: EngineRules;
  readonly limits: Limits;
  readonly workload: Workload;
  readonly stack: PolicyStack;
  readonly executor: Executor;
  readonly observer: Observer;
  /** How old the load is that policies see. */
  readonly loadReports: LoadReporting;
}

/** What the state calls back into; set once by `run.ts`, so that state does not import the loop that drives it. */
export interface ClusterHooks {
  step(group: InstanceGroup): void;
  notify(event: PolicyEvent): void;
}

/** All state of a run: instances, groups, links, requests, clock. Policies see it through `reports`. */
export class Cluster implements ClusterView {
  readonly model: ModelShape;
  readonly hardware: Hardware;
  readonly blockSizeTokens: number;
  readonly engine: EngineRules;
  readonly cellBytes: number;
  readonly events = new EventQueue();
  readonly fabric = new Fabric(this.events);
  readonly executor: Executor;
  readonly observer: Observer;
  readonly stack: PolicyStack;
  readonly workload: Workload;
  readonly classes: ReadonlyMap<string, RequestClass>;
  readonly maxInstances: number;
  readonly startRng: Rng;
  /** By id; one that has failed or was released stays. */
  readonly instances: Instance[] = [];
  /** Those that live, by age. */
  readonly groups: InstanceGroup[] = [];
  readonly held: HeldQueue;
  readonly reports: LoadReports;
  readonly live = new Map<number, Request>();
  /** Branches of a job that have finished, by job. */
  readonly finishedBranches = new Map<number, number>();
  readonly hooks: ClusterHooks;
  /** Weights on their way to instances. */
  readonly loads = new Set<WeightLoad>();
  /** Whether requests may have KV on instances that are no members of their group. */
  hasRemoteKv = false;
  isRetryPlanned = false;
  /** Arrivals that are planned and have not happened. */
  numPendingArrivals = 0;
  numEnded = 0;
  numRejectedDecisions = 0;
  /** The last decision that was refused and why, for whoever has to find out why nothing goes on. */
  lastRefusal: string | undefined;
  swappedBytes = 0;
  generatedTokens = 0;
  nextBatchId = 0;
  readonly #limits: Limits;
  readonly #groupById = new Map<number, InstanceGroup>();
  #nextGroupId = 0;

  constructor(options: ClusterOptions, hooks: ClusterHooks) {
    this.model = options.model;
    this.hardware = options.hardware;
    this.blockSizeTokens = options.blockSizeTokens;
    this.engine = options.engine;
    this.cellBytes = kvCellBytes(options.model, options.blockSizeTokens);
    this.executor = options.executor;
    this.observer = options.observer;
    this.stack = options.stack;
    this.workload = options.workload;
    this.classes = new Map(options.workload.classes.map((each) => [each.name, each]));
    this.held = new HeldQueue(options.workload.classes);
    this.maxInstances = options.maxInstances;
    this.startRng = options.startRng;
    this.hooks = hooks;
    this.reports = new LoadReports(this, options.loadReports);
    this.#limits = options.limits;
    for (const ids of initialGroups(options)) this.#startGroup(ids);
  }

  get nowUs(): number {
    return this.events.nowUs;
  }

  get observedAtUs(): number {
    return this.events.nowUs;
  }

  get numInstances(): number {
    return this.instances.reduce((count, { isGone }) => (isGone ? count : count + 1), 0);
  }

  get allLayers(): LayerRange {
    return { first: 0, count: this.model.numLayers };
  }

  groupOf(request: Request): InstanceGroup | undefined {
    return request.groupId === undefined ? undefined : this.#groupById.get(request.groupId);
  }

  request(id: number): Request | undefined {
    return this.live.get(id);
  }

  local(groupId: number): InstanceGroup | undefined {
    return this.group(groupId);
  }

  group(id: number): InstanceGroup | undefined {
    return this.#groupById.get(id);
  }

  /** A new group of instances; limits are per instance, so that a pipeline may run as many requests as its members would. */
  addGroup(parts: readonly LayoutPart[], phase: GroupPhase): InstanceGroup {
    const limits = { ...this.#limits, maxRunning: this.#limits.maxRunning * parts.length };
    const group = new InstanceGroup({
      id: this.#nextGroupId,
      clock: this.events,
      parts,
      blockSizeTokens: this.blockSizeTokens,
      limits,
    });
    this.#nextGroupId += 1;
    group.phase = phase;
    this.groups.push(group);
    this.#groupById.set(group.id, group);
    for (const { instance } of parts) instance.groups.push(group);
    return group;
  }

  removeGroup(group: InstanceGroup): void {
    group.isGone = true;
    this.reports.forget(group);
    removeFrom(this.groups, group);
    this.#groupById.delete(group.id);
    for (const { member } of group.pipeline) member.leave(group);
  }

  /** An idle group looks for work once everything that happens at this time has happened. */
  wake(group: InstanceGroup): void {
    if (group.isWakePlanned || group.inFlight.length >= group.pipeline.length) return;
    group.isWakePlanned = true;
    const atUs = Math.max(this.nowUs, group.pausedUntilUs);
    this.events.scheduleCall(atUs, eventPriority.wake, () => {
      group.isWakePlanned = false;
      this.hooks.step(group);
    });
  }

  /** Unlimited-memory bound: every member gets half as many cells again, at least what is needed. */
  growMemory(layout: KvLayout, blocks: number): void {
    for (const { instance, layers } of layout.parts) {
      const needed = blocks * layers.count;
      instance.ledger.grow(Math.max(needed, Math.ceil(instance.ledger.totalCells / 2)));
      this.executor.reshapeInstance(instance.id, instance.layers, instance.ledger.totalCells);
    }
  }

  /**
   * The instance holds these layers from now on, no others; cells and tensors follow, and are compared. Says how many
   * bytes of weights came or went, by plan and by the tensors that there are.
   */
  reshape(instance: Instance, layers: LayerRange, sources: readonly WeightSource[] = []): string {
    const { id, ledger } = instance;
    const before = { planned: ledger.weightBytes, held: this.executor.audit(id)?.weightBytes };
    instance.layers = layers;
    ledger.holdWeights(heldWeightBytes(this.model, layers.count));
    this.executor.reshapeInstance(id, layers, ledger.totalCells, sources);
    const held = this.executor.audit(id)?.weightBytes;
    assert(held === undefined || held === ledger.weightBytes, 'INV-backend', () => {
      return `instance ${id} holds ${held} B of weights; the plan says ${ledger.weightBytes}`;
    });
    const planned = `${Math.abs(ledger.weightBytes - before.planned)} B by plan`;
    const measured =
      held === undefined || before.held === undefined ? '' : `, ${Math.abs(held - before.held)} B of tensors`;
    const last = layers.first + layers.count - 1;
    return `${planned}${measured}; holds layers ${layers.first} to ${last}, ${ledger.totalCells} KV cells`;
  }

  note(kind: ClusterEventKind, about: { instance?: number; groupId?: number; detail: string }): void {
    const { instance, groupId, detail } = about;
    this.observer.clusterEvent({ timeUs: this.nowUs, kind, instance, groupId, detail });
  }

  /** Tells the policies once everything that happens at this time has happened: they may answer, and must see it whole. */
  notifyLater(event: PolicyEvent): void {
    this.events.scheduleCall(this.nowUs, eventPriority.wake, () => this.hooks.notify(event));
  }

  /** A new instance without weights and without a device yet, alone in a group that is loading. */
  addInstance(role: string): InstanceGroup {
    const noLayers = { first: 0, count: 0 };
    const instance = this.#makeInstance(this.instances.length, noLayers, 'provisioning');
    instance.role = role;
    instance.ledger.expectWeights(modelWeightBytes(this.model) - instance.weightBytes);
    return this.addGroup([{ instance, layers: this.allLayers }], 'loading');
  }

  #startGroup(ids: readonly number[]): void {
    const ranges = splitLayers(this.model.numLayers, ids.length);
    const parts = ids.map((id, index) => {
      const layers = ranges[index] as LayerRange;
      return { instance: this.#startInstance(id, layers), layers };
    });
    const group = this.addGroup(parts, 'serving');
    for (const { instance, layers } of parts) {
      const detail = `layers ${layers.first} to ${layers.first + layers.count - 1}, ${instance.totalCells} KV cells`;
      this.note('instanceReady', { instance: instance.id, groupId: group.id, detail });
    }
  }

  #startInstance(id: number, layers: LayerRange): Instance {
    const instance = this.#makeInstance(id, layers, 'ready');
    this.executor.startInstance(id, layers, instance.totalCells);
    return instance;
  }

  #makeInstance(id: number, layers: LayerRange, state: InstanceState): Instance {
    const { hardware } = this;
    const ledger = new MemoryLedger({
      budgetBytes: hardware.memoryBytes,
      weightBytes: heldWeightBytes(this.model, layers.count),
      reserveBytes: hardware.reserveBytes,
      cellBytes: this.cellBytes,
    });
    const instance = new Instance({ id, ledger, layers, hardware, nowUs: this.nowUs, state });
    this.instances[id] = instance;
    return instance;
  }
}

/** Instance ids of each group at the start, as a policy of the stack says, else as the configuration does. */
function initialGroups(options: ClusterOptions): readonly (readonly number[])[] {
  const { stagesPerGroup, stack, model } = options;
  const numInstances = initialInstances(options);
  const ids = Array.from({ length: numInstances }, (_, id) => id);
  const answer = stack.initialGroups(ids);
  if (answer === undefined) {
    const starts = ids.filter((id) => id % stagesPerGroup === 0);
    return starts.map((start) => ids.slice(start, start + stagesPerGroup));
  }
  const named = answer.value.flat().toSorted((a, b) => a - b);
  const isWhole = named.length === numInstances && named.every((id, index) => id === index);
  if (isWhole && answer.value.every(({ length }) => length >= 1 && length <= model.numLayers)) {
    return answer.value;
  }
  const expected = `each of ${numInstances} instances once, at most ${model.numLayers} a group`;
  throw new PolicyError(
    answer.policy,
    'initialGroups',
    `expected ${expected}, got ${JSON.stringify(answer.value)}`,
  );
}

/** How many there are at the start, as a policy of the stack says, else as the configuration does. */
function initialInstances({ numInstances, maxInstances, stagesPerGroup, stack }: ClusterOptions): number {
  const answer = stack.initialInstances(numInstances, maxInstances);
  if (answer === undefined) return numInstances;
  const { policy, value } = answer;
  if (value >= 1 && value <= maxInstances && value % stagesPerGroup === 0) return value;
  const multiple = stagesPerGroup === 1 ? '' : `, a multiple of ${stagesPerGroup}`;
  throw new PolicyError(
    policy,
    'initialInstances',
    `expected 1 to ${maxInstances} instances${multiple}, got ${value}`,
  );
}
