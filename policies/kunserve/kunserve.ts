import type { z } from 'zod';
import {
  type ClusterView,
  type Decision,
  definePolicy,
  type GroupId,
  type GroupView,
  type Hardware,
  type KvTransition,
  type MemoryNeed,
  type PolicyDeps,
} from '../../harness/policy/index.ts';
import { type Candidate, planDrop, planGrowth } from './drop-plan.ts';
import { type MemoryUnits, memoryUnits } from './memory.ts';
import { MicroBatches } from './micro-batches.ts';
import {
  demandBlocks,
  isOverloaded,
  isQuorum,
  overloadedGroups,
  type RunningNeed,
  unmetBlocks,
} from './overload.ts';
import { params } from './params.ts';
import { RestoreTrigger } from './restore.ts';

type Params = z.output<typeof params>;

/**
 * KunServe (EuroSys 2026, arXiv 2412.18169v5): when memory is overloaded, groups merge into pipelines and
 * drop the layers that they hold twice; the memory becomes KV cells. Once the load has fallen, the parameters
 * are restored.
 *
 * This is the paper's algorithm: a greedy plan over the existing groups that frees what queued requests need
 * (`drop-plan.ts`). The authors' public code differs: its groups are fixed and merge all at once. Thresholds
 * that the paper leaves open are those of the code (`params.ts`).
 *
 * The policy makes room only by dropping parameters. If nothing is left to drop or too few groups are
 * overloaded, the next policy of the stack answers, just as the paper falls back to swapping or recomputing
 * KV.
 */
class KunServe {
  readonly #params: Params;
  readonly #units: MemoryUnits;
  readonly #maxStages: number;
  readonly #transition: KvTransition;
  readonly #blockSizeTokens: number;
  readonly #restoreTrigger: RestoreTrigger;
  /**
   * Sets of groups for which a drop has been decided, as sorted ids. Each set is proposed only once, because
   * a drop that the core has refused would be refused again.
   */
  readonly #decidedSets = new Set<string>();
  #lastChangeUs = -Infinity;
  #numOverloadedPolls = 0;
  #numDrops = 0;
  #numRestores = 0;
  #numCancelledRestores = 0;

  constructor(settings: Params, deps: PolicyDeps) {
    const { numLayers } = deps.model;
    this.#params = settings;
    this.#units = memoryUnits(deps);
    this.#maxStages = Math.min(settings.maxStages ?? numLayers, numLayers);
    this.#transition =
      settings.transition === 'exchange'
        ? { kind: 'exchange', maxRequests: settings.exchangeRequests, isCoordinated: settings.coordinated }
        : { kind: 'remote-attention' };
    this.#blockSizeTokens = deps.blockSizeTokens;
    this.#restoreTrigger = new RestoreTrigger(settings, this.#units, numLayers);
  }

  /** Polls the cluster: drops parameters if overload lasts, and restores them if there is room. */
  poll(view: ClusterView): readonly Decision[] | undefined {
    this.#restoreTrigger.record(view);
    const overloaded = overloadedGroups(view, this.#params);
    const isClusterOverloaded = isQuorum(overloaded.length, view, this.#params);
    this.#numOverloadedPolls = isClusterOverloaded ? this.#numOverloadedPolls + 1 : 0;
    const cancels = this.#cancelRestores(isClusterOverloaded ? view.groups : overloaded, view);
    if (cancels.length > 0) return cancels;
    if (!isClusterOverloaded) return this.#restore(view);
    return this.#numOverloadedPolls < this.#params.sustainPolls ? undefined : this.#drop(view, overloaded);
  }

  /**
   * Answers memory pressure with an immediate drop, because a running request is about to lose its KV. It
   * waits only for memory that is already on its way, from a merge that has been decided or from an exchange.
   * The core asks on behalf of a stalled request when no KV is moving and the group can do nothing else; then
   * it does not wait.
   */
  relieve(group: GroupView, need: MemoryNeed, view: ClusterView): readonly Decision[] | undefined {
    if (group.phase === 'merging') return [{ kind: 'wait', reason: 'its group is about to grow' }];
    const isStalled = stalls(group, need);
    if (!isStalled) {
      const growth = this.#grow(group, need, view);
      if (growth.length > 0) return growth;
    }
    const runningNeed = { groupId: group.id, blocks: need.blocks };
    if (!isOverloaded(group, this.#params, view, runningNeed)) return undefined;
    const cancels = this.#cancelRestores([group], view);
    if (cancels.length > 0) return cancels;
    if (!isStalled && group.stages.length > 1 && group.stalled.length > 0) {
      return [{ kind: 'wait', reason: `KV of ${group.stalled.length} requests moves to other members` }];
    }
    const overloaded = overloadedGroups(view, this.#params, runningNeed);
    if (!isQuorum(overloaded.length, view, this.#params)) return undefined;
    return this.#drop(view, overloaded, runningNeed);
  }

  stats(): Readonly<Record<string, number | null>> {
    return {
      drops: this.#numDrops,
      restores: this.#numRestores,
      cancelled_restores: this.#numCancelledRestores,
    };
  }

  /**
   * Decides one drop for each set of groups in the plan. Groups that are already merging do not count,
   * because they are about to get memory.
   */
  #drop(
    view: ClusterView,
    overloaded: readonly GroupView[],
    need?: RunningNeed,
  ): readonly Decision[] | undefined {
    const { copyBytes, blockBytes, pipelineBlocks } = this.#units;
    const unserved = overloaded.filter(({ phase }) => phase !== 'merging');
    const neededBlocks = demandBlocks(unserved, view, need);
    const neededBytes = neededBlocks * blockBytes;
    const sets = planDrop(this.#candidates(view, overloaded, need), {
      neededBytes,
      copyBytes,
      maxStages: this.#maxStages,
      pipelineBlocks,
    });
    const reason = `queued requests lack ${neededBlocks} blocks (${Math.round(neededBytes / 2 ** 20)} MiB)`;
    return this.#dropSets(sets, reason, view);
  }

  /**
   * Handles a request that is larger than its group: it would never run otherwise, so it justifies a drop at
   * any load.
   */
  #grow(group: GroupView, need: MemoryNeed, view: ClusterView): readonly Decision[] {
    const blocks = need.blocks + blocksHeld(group, need);
    if (blocks <= group.totalBlocks) return [];
    const fits = (members: readonly Hardware[]): boolean => this.#units.pipelineBlocks(members) >= blocks;
    const cancels = this.#cancelRestores([group], view);
    if (cancels.length > 0 && fits(group.stages.map(({ instance }) => instance.hardware))) return cancels;
    const candidates = this.#candidates(view);
    if (cancels.length > 0) candidates.push(this.#candidateOf(group, false));
    const groupIds = planGrowth(candidates, { groupId: group.id, maxStages: this.#maxStages, fits });
    const reason = `request ${need.requestId} needs ${blocks} blocks, group ${group.id} has ${group.totalBlocks}`;
    const drops = groupIds === undefined ? undefined : this.#dropSets([groupIds], reason, view);
    return drops === undefined ? cancels : [...cancels, ...drops];
  }

  #dropSets(
    sets: readonly (readonly GroupId[])[],
    reason: string,
    view: ClusterView,
  ): readonly Decision[] | undefined {
    const decisions: Decision[] = [];
    for (const groupIds of sets) {
      const key = groupIds.toSorted((a, b) => a - b).join(' ');
      if (this.#decidedSets.has(key)) continue;
      this.#decidedSets.add(key);
      decisions.push({ kind: 'drop', groupIds, transition: this.#transition, reason });
    }
    if (decisions.length === 0) return undefined;
    this.#numDrops += decisions.length;
    this.#numOverloadedPolls = 0;
    this.#lastChangeUs = view.nowUs;
    return decisions;
  }

  #candidates(view: ClusterView, overloaded: readonly GroupView[] = [], need?: RunningNeed): Candidate[] {
    const serving = view.groups.filter(({ phase }) => phase === 'serving');
    const short = new Set(overloaded.map(({ id }) => id));
    return serving.map((group) => this.#candidateOf(group, short.has(group.id), need));
  }

  #candidateOf(group: GroupView, isShort: boolean, need?: RunningNeed): Candidate {
    return {
      groupId: group.id,
      members: group.stages.map(({ instance }) => instance.hardware),
      isOverloaded: isShort,
      unmetBlocks: unmetBlocks(group, this.#blockSizeTokens, need),
    };
  }

  #restore(view: ClusterView): readonly Decision[] | undefined {
    const { restore, minDwellMs, restoreRunning } = this.#params;
    if (!restore || view.nowUs - this.#lastChangeUs < minDwellMs * 1000) return undefined;
    const groups = this.#restoreTrigger.restorable(view);
    if (groups.length === 0) return undefined;
    this.#lastChangeUs = view.nowUs;
    this.#numRestores += groups.length;
    const usedPercent = Math.round(100 * this.#restoreTrigger.usage);
    return groups.map(({ id }) => {
      const reason = `KV in use is ${usedPercent} % of the memory without drop, and not rising`;
      return { kind: 'restore', groupId: id, running: restoreRunning, reason };
    });
  }

  /** Cancels restores that are still loading, which makes their memory available at once. */
  #cancelRestores(groups: readonly GroupView[], view: ClusterView): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const { id, phase } of groups) {
      if (phase !== 'restoring') continue;
      decisions.push({ kind: 'cancelRestore', groupId: id, reason: 'memory is overloaded again' });
    }
    if (decisions.length > 0) this.#lastChangeUs = view.nowUs;
    this.#numCancelledRestores += decisions.length;
    return decisions;
  }
}

/** Returns the KV blocks of a running request, and 0 for a queued one. */
function blocksHeld(group: GroupView, { requestId }: MemoryNeed): number {
  for (const { id, kvBlocks } of group.running) if (id === requestId) return kvBlocks;
  return 0;
}

/** Tells whether the request that needs memory is one that waits for its KV. */
function stalls(group: GroupView, { requestId }: MemoryNeed): boolean {
  for (const { id } of group.stalled) if (id === requestId) return true;
  return false;
}

export const kunserve = definePolicy({
  name: 'kunserve',
  family: 'parameter-centric',
  summary:
    'Drops replicated parameters on overload and serves in pipelines until the load has gone (KunServe).',
  params,
  capabilities: { dropsParameters: true },
  create: (settings, deps) => {
    const policy = new KunServe(settings, deps);
    const microBatches = new MicroBatches(settings);
    return {
      ...microBatches.moments(settings.lookahead),
      onMemoryPressure: (group, need, view) => policy.relieve(group, need, view),
      tickUs: Math.round(settings.pollMs * 1000),
      onTick: (view) => policy.poll(view),
      onStage: (timing) => microBatches.learn(timing),
      stats: () => ({ ...policy.stats(), ...microBatches.stats() }),
    };
  },
});
