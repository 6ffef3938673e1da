import {
  type ClusterView,
  type Decision,
  definePolicy,
  type DispatchDecision,
  type GroupId,
  type GroupView,
  type MemoryNeed,
  type PolicyDeps,
  type PolicyEvent,
  type RequestId,
  type RequestView,
} from '../../harness/policy/index.ts';
import { Census } from './census.ts';
import { Eviction } from './eviction.ts';
import { GlobalAutoscaler } from './global-autoscaler.ts';
import { LocalAutoscaler } from './local-autoscaler.ts';
import { OutputLengths } from './output-lengths.ts';
import { type Params, params } from './params.ts';
import { type Planned, Routing } from './routing.ts';
import { ServiceClasses } from './service-classes.ts';
import { Throughput } from './throughput.ts';
import { Windows } from './windows.ts';

/**
 * Chiron (arXiv 2501.08090): interactive requests are served at once; batch requests wait in one queue for
 * the whole cluster and use the remaining capacity. Instances are of three types (interactive, mixed, batch).
 * One autoscaler adapts each instance's batch size, another the number of instances. On mixed instances,
 * interactive requests evict batch requests.
 *
 * The authors have published no code, and the descriptions leave settings open; these are parameters
 * (`params.ts`). The policy is a dispatcher, a memory policy for batch requests and an autoscaler in one.
 * Memory pressure among interactive requests is left to the next policy of the stack.
 */
class Chiron {
  readonly #classes: ServiceClasses;
  readonly #census: Census;
  readonly #routing: Routing;
  readonly #eviction: Eviction;
  readonly #lengths = new OutputLengths();
  readonly #throughput = new Throughput();
  readonly #windows = new Windows();
  readonly #local: LocalAutoscaler | undefined;
  readonly #global: GlobalAutoscaler | undefined;
  /**
   * When each evicted request was evicted, in microseconds by request id; removed once it has been swapped
   * in.
   */
  readonly #evictedAtUs = new Map<RequestId, number>();
  readonly tickUs: number;
  #hasBegun = false;
  #numEvictions = 0;
  #numSwapIns = 0;
  #numMoves = 0;

  constructor(settings: Params, deps: PolicyDeps) {
    const classes = new ServiceClasses(deps.classes, settings);
    const census = new Census(classes);
    const learned = { classes, census, lengths: this.#lengths, throughput: this.#throughput };
    this.#classes = classes;
    this.#census = census;
    this.#routing = new Routing(classes, census, settings.fillShare);
    this.#eviction = new Eviction(classes, deps, settings.returnHeadroom);
    this.#local = settings.local ? new LocalAutoscaler(settings, classes) : undefined;
    this.#global = settings.global ? new GlobalAutoscaler(settings, learned, deps) : undefined;
    const windowUs = Math.max(1, Math.round(settings.windowMs * 1000));
    this.tickUs = Math.min(windowUs, this.#global?.intervalUs ?? windowUs);
  }

  dispatch(request: RequestView, view: ClusterView): DispatchDecision {
    const isBatch = this.#classes.isBatch(request.className);
    const group = isBatch
      ? this.#routing.groupForBatch(request, view)
      : this.#routing.groupForInteractive(request, view);
    if (group === undefined) {
      const reason = isBatch ? 'no instance has room for batch requests' : 'no instance takes requests';
      return { kind: 'hold', scope: 'class', reason };
    }
    this.#census.add(group.id, request.className, view.nowUs);
    this.#routing.placed(request, group.id, view);
    const reason = `${group.role} instance with ${this.#census.interactiveIn(group.id)} interactive and ${this.#census.batchIn(group.id)} batch requests`;
    return { kind: 'dispatch', groupId: group.id, reason };
  }

  /**
   * Puts interactive requests first and keeps the order within each kind. Returns undefined if the queue is
   * in that order already.
   */
  order({ id, waiting }: GroupView): readonly RequestId[] | undefined {
    if (this.#census.batchIn(id) === 0 || this.#census.interactiveIn(id) === 0) return undefined;
    const interactive: RequestId[] = [];
    let isInOrder = true;
    let hasBatch = false;
    for (const request of waiting) {
      if (this.#classes.isBatch(request.className)) hasBatch = true;
      else {
        interactive.push(request.id);
        isInOrder &&= !hasBatch;
      }
    }
    return isInOrder ? undefined : interactive;
  }

  beforeStep(group: GroupView, { nowUs }: ClusterView): readonly Decision[] {
    const mayEvict = this.#census.batchIn(group.id) > 0 && this.#census.interactiveIn(group.id) > 0;
    const evictions = mayEvict ? this.#eviction.makeRoom(group) : [];
    this.#noteEvictions(evictions, nowUs);
    return evictions.length > 0 ? evictions : this.#swapIn(group);
  }

  relieve(group: GroupView, need: MemoryNeed, { nowUs }: ClusterView): readonly Decision[] | undefined {
    if (this.#census.batchIn(group.id) === 0) return undefined;
    const decisions = this.#eviction.relieve(group, need);
    this.#noteEvictions(decisions ?? [], nowUs);
    return decisions;
  }

  tick(view: ClusterView): readonly Decision[] {
    this.#census.recount(view);
    return [
      ...this.#begin(view),
      ...this.#adapt(view),
      ...this.#serveEvicted(view),
      ...(this.#global?.poll(view) ?? []),
    ];
  }

  hear(event: PolicyEvent, view: ClusterView): readonly Decision[] {
    this.#learn(event, view);
    return this.#begin(view);
  }

  stats(): Readonly<Record<string, number | null>> {
    return {
      evictions: this.#numEvictions,
      returns: this.#numSwapIns,
      moves_of_evicted: this.#numMoves,
      max_late_groups: this.#global?.maxLate ?? null,
      max_batch_instances: this.#global?.maxBatch ?? null,
    };
  }

  #learn(event: PolicyEvent, view: ClusterView): void {
    switch (event.kind) {
      case 'requestEnded':
        if (event.groupId !== undefined) this.#census.remove(event.groupId, event.className, view.nowUs);
        if (event.isFinished) this.#lengths.learn(event.className, event.generatedTokens);
        this.#evictedAtUs.delete(event.requestId);
        return;
      case 'swapInDone':
        this.#excuse(event, view);
        return;
      case 'migrationDone':
      case 'groupsMerged':
      case 'groupSplit':
      case 'instanceFailed':
        this.#census.recount(view);
        return;
      default:
    }
  }

  /**
   * Excludes a request's time in host memory from its token gaps: it was caused by the eviction and not by
   * the batch size.
   */
  #excuse({ requestId, groupId }: { requestId: RequestId; groupId: GroupId }, view: ClusterView): void {
    const evictedAtUs = this.#evictedAtUs.get(requestId);
    const hasTokens = (view.request(requestId)?.generatedTokens ?? 0) > 0;
    this.#evictedAtUs.delete(requestId);
    if (evictedAtUs !== undefined && hasTokens) this.#local?.excuse(groupId, view.nowUs - evictedAtUs);
  }

  #begin(view: ClusterView): readonly Decision[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return this.#global?.begin(view) ?? [];
  }

  /**
   * Adapts each group's batch size to the load that its own engine sees, which is newer than the reported
   * one.
   */
  #adapt(view: ClusterView): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const { id, phase } of view.groups) {
      const group = view.local(id);
      if (group === undefined || phase === 'loading') continue;
      const window = this.#windows.next(group, group.observedAtUs);
      if (window !== undefined) this.#throughput.observe(group, window);
      const decision = this.#local?.adapt(group, window);
      if (decision !== undefined) decisions.push(decision);
    }
    return decisions;
  }

  /**
   * Evicted requests logically return to the global queue, so any instance with room may take them: their own
   * instance if it can, otherwise another one by migration.
   */
  #serveEvicted(view: ClusterView): readonly Decision[] {
    const decisions: Decision[] = [];
    const planned = new Map<GroupId, Planned>();
    for (const { id } of view.groups) {
      const group = view.local(id);
      if (group === undefined || group.swapped.length === 0) continue;
      const swapIns = this.#swapIn(group);
      decisions.push(...swapIns);
      if (swapIns.length === 0) decisions.push(...this.#moveEvicted(group, view, planned));
    }
    return decisions;
  }

  #swapIn(group: GroupView): readonly Decision[] {
    if (group.swapped.length === 0) return [];
    const maxRunning = this.#local?.maxRunning(group) ?? group.limits.maxRunning;
    const swapIns = this.#eviction.swapIn(group, maxRunning);
    this.#numSwapIns += swapIns.length;
    return swapIns;
  }

  #moveEvicted(group: GroupView, view: ClusterView, planned: Map<GroupId, Planned>): readonly Decision[] {
    const decisions: Decision[] = [];
    const plannedFor = (groupId: GroupId): Planned => planned.get(groupId) ?? { requests: 0, blocks: 0 };
    for (const request of group.swapped) {
      if (request.status.kind !== 'swapped') continue;
      const target = this.#routing.groupForBatch(request, view, plannedFor);
      if (target === undefined) break;
      const { requests, blocks } = plannedFor(target.id);
      planned.set(target.id, {
        requests: requests + 1,
        blocks: blocks + Math.ceil(request.tokens / view.blockSizeTokens),
      });
      const reason = `evicted from group ${group.id}; ${target.role} instance with room`;
      decisions.push({ kind: 'migrate', requestId: request.id, groupId: target.id, reason });
    }
    this.#numMoves += decisions.length;
    return decisions;
  }

  #noteEvictions(decisions: readonly Decision[], nowUs: number): void {
    for (const decision of decisions) {
      if (decision.kind !== 'preempt') continue;
      this.#numEvictions += 1;
      if (decision.mode === 'swap') this.#evictedAtUs.set(decision.requestId, nowUs);
    }
  }
}

export const chiron = definePolicy({
  name: 'chiron',
  family: 'autoscaling',
  summary:
    'Interactive requests first, batch requests in what is left; adapts batch sizes and the number of instances by back-pressure (Chiron).',
  params,
  capabilities: {
    dispatches: true,
    preempts: ['swap', 'recompute'],
    leavesPressure: true,
    migrates: true,
    scales: true,
  },
  create: (settings, deps) => {
    const policy = new Chiron(settings, deps);
    return {
      tickUs: policy.tickUs,
      dispatch: (request, view) => policy.dispatch(request, view),
      order: (group) => policy.order(group),
      onSchedule: (group, view) => policy.beforeStep(group, view),
      onMemoryPressure: (group, need, view) => policy.relieve(group, need, view),
      onTick: (view) => policy.tick(view),
      onEvent: (event, view) => policy.hear(event, view),
      stats: () => policy.stats(),
    };
  },
});
