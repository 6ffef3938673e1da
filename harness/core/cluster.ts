import { must } from '../base/assert.ts';
import { Deque } from '../base/deque.ts';
import type { Executor } from './executor.ts';
import type { Limits } from '../policy/decisions.ts';
import type { PolicyStack } from '../policy/stack.ts';
import type { ClusterView, PolicyEvent } from '../policy/views.ts';
import { ClusterWindow } from './cluster-window.ts';
import { EventQueue, eventPriority } from './events.ts';
import { Fabric, Link } from './fabric.ts';
import { InstanceGroup, type InstanceLinks } from './group.ts';
import type { Hardware } from './hardware.ts';
import { Instance } from './instance.ts';
import { MemoryLedger } from './ledger.ts';
import {
  kvCellBytes,
  type LayerRange,
  layerWeightBytes,
  type ModelShape,
  residentWeightBytes,
} from './model-shape.ts';
import type { Observer } from './observer.ts';
import type { Request } from './request.ts';
import type { RequestClass, Workload } from './workload.ts';

export interface ClusterOptions {
  readonly model: ModelShape;
  readonly hardware: Hardware;
  readonly numInstances: number;
  /** Instances per group: above 1 every group is a static pipeline. */
  readonly stagesPerGroup: number;
  readonly blockSizeTokens: number;
  readonly limits: Limits;
  readonly workload: Workload;
  readonly stack: PolicyStack;
  readonly executor: Executor;
  readonly observer: Observer;
}

/** What the state calls back into; set once by `run.ts`, so that state does not import the loop that drives it. */
export interface ClusterHooks {
  step(group: InstanceGroup): void;
  notify(event: PolicyEvent): void;
  /** Ends a request whose abort waited for it to come to rest; whether it did. */
  endIfAborted(request: Request): boolean;
}

/** All state of a run: instances, groups, links, requests, clock. Policies see it through `view`. */
export class Cluster implements ClusterView {
  readonly model: ModelShape;
  readonly hardware: Hardware;
  readonly blockSizeTokens: number;
  readonly events = new EventQueue();
  readonly fabric = new Fabric(this.events);
  readonly executor: Executor;
  readonly observer: Observer;
  readonly stack: PolicyStack;
  readonly workload: Workload;
  readonly classes: ReadonlyMap<string, RequestClass>;
  readonly instances: Instance[] = [];
  readonly groups: InstanceGroup[] = [];
  readonly held = new Deque<Request>();
  readonly view: ClusterView = new ClusterWindow(this);
  readonly live = new Map<number, Request>();
  /** Branches of a job that have finished, by job. */
  readonly finishedBranches = new Map<number, number>();
  readonly hooks: ClusterHooks;
  isRetryPlanned = false;
  numEnded = 0;
  numRejectedDecisions = 0;
  /** The last decision that was refused and why, for whoever has to find out why nothing goes on. */
  lastRefusal: string | undefined;
  swappedBytes = 0;
  generatedTokens = 0;
  nextBatchId = 0;
  readonly #links: InstanceLinks[] = [];

  constructor(options: ClusterOptions, hooks: ClusterHooks) {
    this.model = options.model;
    this.hardware = options.hardware;
    this.blockSizeTokens = options.blockSizeTokens;
    this.executor = options.executor;
    this.observer = options.observer;
    this.stack = options.stack;
    this.workload = options.workload;
    this.classes = new Map(options.workload.classes.map((each) => [each.name, each]));
    this.hooks = hooks;
    for (let first = 0; first < options.numInstances; first += options.stagesPerGroup) {
      this.#addGroup(options, first);
    }
  }

  get nowUs(): number {
    return this.events.nowUs;
  }

  get observedAtUs(): number {
    return this.events.nowUs;
  }

  get cellBytes(): number {
    return kvCellBytes(this.model, this.blockSizeTokens);
  }

  linksOf(instance: Instance): InstanceLinks {
    return must(this.#links[instance.id], `links of instance ${instance.id}`);
  }

  groupOf(request: Request): InstanceGroup | undefined {
    return request.groupId === undefined ? undefined : this.groups[request.groupId];
  }

  /** An idle group looks for work once everything that happens at this time has happened. */
  wake(group: InstanceGroup): void {
    if (group.isWakePlanned || group.numInFlight >= group.pipeline.length) return;
    group.isWakePlanned = true;
    this.events.scheduleCall(this.nowUs, eventPriority.wake, () => {
      group.isWakePlanned = false;
      this.hooks.step(group);
    });
  }

  /** Unlimited-memory bound: every member gets half as many cells again, at least what is needed. */
  growMemory(group: InstanceGroup, blocks: number): void {
    for (const { instance, layers } of group.layout.parts) {
      const needed = blocks * layers.count;
      instance.ledger.grow(Math.max(needed, Math.ceil(instance.ledger.totalCells / 2)));
      this.executor.reshapeInstance(instance.id, layers, instance.ledger.totalCells);
    }
  }

  #addGroup(options: ClusterOptions, firstInstance: number): void {
    const size = Math.min(options.stagesPerGroup, options.numInstances - firstInstance);
    const parts = splitLayers(this.model.numLayers, size).map((layers, offset) => ({
      instance: this.#addInstance(firstInstance + offset, layers),
      layers,
    }));
    this.groups.push(
      new InstanceGroup({
        id: this.groups.length,
        parts,
        blockSizeTokens: this.blockSizeTokens,
        limits: options.limits,
      }),
    );
  }

  #addInstance(id: number, layers: LayerRange): Instance {
    const { hardware, model } = this;
    const ledger = new MemoryLedger({
      budgetBytes: hardware.memoryBytes,
      weightBytes: residentWeightBytes(model) + layers.count * layerWeightBytes(model),
      reserveBytes: hardware.reserveBytes,
      cellBytes: this.cellBytes,
    });
    const instance = new Instance({ id, ledger, hardware, nowUs: this.nowUs });
    this.instances.push(instance);
    this.#links.push({
      toHost: new Link(`instance ${id} to host`, hardware.hostLink),
      fromHost: new Link(`host to instance ${id}`, hardware.hostLink),
      send: new Link(`instance ${id} sending`, hardware.network),
      receive: new Link(`instance ${id} receiving`, hardware.network),
    });
    this.executor.startInstance(id, layers, ledger.totalCells);
    const detail = `layers ${layers.first} to ${layers.first + layers.count - 1}, ${ledger.totalCells} KV cells`;
    this.observer.clusterEvent({
      timeUs: this.nowUs,
      kind: 'instanceReady',
      instance: id,
      groupId: this.groups.length,
      detail,
    });
    return instance;
  }
}

/** Contiguous, as even as possible, earlier stages the longer ones. */
export function splitLayers(numLayers: number, numStages: number): LayerRange[] {
  const ranges: LayerRange[] = [];
  let first = 0;
  for (let stage = 0; stage < numStages; stage += 1) {
    const count = Math.ceil((numLayers - first) / (numStages - stage));
    ranges.push({ first, count });
    first += count;
  }
  return ranges;
}
