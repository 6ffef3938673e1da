import type { Rng } from '../../base/rng.ts';
import type { Hardware } from '../../domain/hardware.ts';
import { kvCellBytes, type LayerRange, type ModelShape } from '../../domain/model-shape.ts';
import type { Workload } from '../../domain/workload.ts';
import type { Limits } from '../../policy/decisions.ts';
import type { PolicyStack } from '../../policy/stack.ts';
import type { EngineRules } from '../engine.ts';
import type { Executor } from '../executor.ts';
import type { Observer } from '../observer.ts';
import { type ClusterHooks, Effects } from './effects.ts';
import type { InstanceGroup } from './group.ts';
import { type LoadReporting, LoadReports } from './load/load-reports.ts';
import { OpenRequests } from './open-requests.ts';
import { Topology } from './topology.ts';
import { Totals } from './totals.ts';

export interface ClusterOptions {
  readonly model: ModelShape;
  /** Of the instances that are started; each keeps its own (`Instance.hardware`). */
  readonly hardware: Hardware;
  /** Instances at the start, unless a policy says otherwise. */
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
  /** When groups report their load: how old the load is that policies see. */
  readonly loadReporting: LoadReporting;
}

/** Where new instances come from. */
export interface InstanceSupply {
  /** Of the instances that are started; each keeps its own (`Instance.hardware`). */
  readonly hardware: Hardware;
  /** The most instances that there may be at any time. */
  readonly maxInstances: number;
  /** How long each cold start takes, and which fail. */
  readonly rng: Rng;
}

/** All of a run: what does not change, the state in three parts, what groups have told of their load, and what changes set off. */
export class Cluster {
  readonly model: ModelShape;
  readonly blockSizeTokens: number;
  readonly cellBytes: number;
  readonly engine: EngineRules;
  readonly stack: PolicyStack;
  readonly supply: InstanceSupply;
  readonly topology: Topology;
  readonly requests: OpenRequests;
  readonly totals = new Totals();
  /** What groups have told of their load; policies see the state through it. */
  readonly loadReports: LoadReports;
  readonly effects: Effects;

  constructor(options: ClusterOptions, hooks: ClusterHooks) {
    const { model, blockSizeTokens, hardware, maxInstances, startRng } = options;
    this.model = model;
    this.blockSizeTokens = blockSizeTokens;
    this.cellBytes = kvCellBytes(model, blockSizeTokens);
    this.engine = options.engine;
    this.stack = options.stack;
    this.supply = { hardware, maxInstances, rng: startRng };
    this.effects = new Effects(options.executor, options.observer, hooks);
    const clock = this.effects.events;
    this.topology = new Topology({ clock, blockSizeTokens, limits: options.limits });
    this.requests = new OpenRequests(options.workload);
    this.loadReports = new LoadReports(this, options.loadReporting);
  }

  get nowUs(): number {
    return this.effects.events.nowUs;
  }

  get allLayers(): LayerRange {
    return { first: 0, count: this.model.numLayers };
  }

  /** Removes the group from the topology and forgets what it reported; a new one has reported nothing, so `topology.addGroup` is enough. */
  removeGroup(group: InstanceGroup): void {
    this.topology.removeGroup(group);
    this.loadReports.forget(group);
  }
}
