import { createRng } from '../../harness/base/rng.ts';
import type { Rng } from '../../harness/base/rng.ts';
import type { DecisionRow, RequestRow, StackInfo, TimeseriesRow } from '../../harness/metrics/results.ts';
import { SyntheticFleet } from './synthetic-fleet.ts';
import type { SyntheticScaling } from './synthetic-fleet.ts';
import { SyntheticGroups } from './synthetic-groups.ts';
import type { SyntheticDrops } from './synthetic-groups.ts';

/*
 * Something that looks like a cluster in a burst and was never measured: one pooled queue with a KV budget in tokens,
 * stepped every 25 ms. Good for drawing and for nothing else.
 */

export interface SyntheticStack {
  readonly name: string;
  readonly family: StackInfo['family'];
  readonly preemption: 'recompute' | 'swap' | 'none';
  /** KV capacity over that of the others once memory is short. */
  readonly stretch: number;
  /** Drops weights when memory is short. */
  readonly drops?: SyntheticDrops;
  /** Asks for instances and gives them back. */
  readonly scaling?: SyntheticScaling;
  /** Moves running requests between instances. */
  readonly migrates?: boolean;
  /** Of the policy that drops. */
  readonly params?: Readonly<Record<string, unknown>>;
}

export const threeStacks: readonly SyntheticStack[] = [
  { name: 'recompute', family: 'kv-centric', preemption: 'recompute', stretch: 1 },
  { name: 'swap', family: 'kv-centric', preemption: 'swap', stretch: 1 },
  { name: 'unlimited', family: 'bound', preemption: 'none', stretch: 50 },
];

export const sevenStacks: readonly SyntheticStack[] = [
  { name: 'recompute', family: 'kv-centric', preemption: 'recompute', stretch: 1 },
  { name: 'swap', family: 'kv-centric', preemption: 'swap', stretch: 1 },
  { name: 'llumnix', family: 'kv-centric', preemption: 'recompute', stretch: 1.1 },
  {
    name: 'kunserve',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1,
    drops: { kv: 'exchange' },
  },
  { name: 'chiron', family: 'autoscaling', preemption: 'swap', stretch: 1.2 },
  { name: 'hpa', family: 'autoscaling', preemption: 'recompute', stretch: 1.05 },
  { name: 'unlimited', family: 'bound', preemption: 'none', stretch: 50 },
];

/** Drops of weights with everything that goes with them, in the order of a ladder. */
export const droppingStacks: readonly SyntheticStack[] = [
  { name: 'recompute', family: 'kv-centric', preemption: 'recompute', stretch: 1 },
  { name: 'swap', family: 'kv-centric', preemption: 'swap', stretch: 1 },
  {
    name: 'drop only',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1,
    drops: { kv: 'attention' },
    params: { kv: 'remote', lookahead: false },
  },
  {
    name: 'drop + exchange',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1.02,
    drops: { kv: 'exchange' },
    params: { kv: 'exchange', lookahead: false },
  },
  {
    name: 'kunserve',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1.05,
    drops: { kv: 'exchange', faultAtMs: 21_000 },
    params: { kv: 'exchange', lookahead: true },
  },
  { name: 'unlimited', family: 'bound', preemption: 'none', stretch: 50 },
];

/** What scales and migrates, beside one stack that drops weights: as many as a report of all families has. */
export const scalingStacks: readonly SyntheticStack[] = [
  { name: 'recompute', family: 'kv-centric', preemption: 'recompute', stretch: 1 },
  { name: 'swap', family: 'kv-centric', preemption: 'swap', stretch: 1 },
  { name: 'llumnix', family: 'kv-centric', preemption: 'recompute', stretch: 1.1, migrates: true },
  {
    name: 'kunserve',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1,
    drops: { kv: 'exchange', faultAtMs: 21_000 },
    params: { lookahead: true },
  },
  {
    name: 'kunserve-variant',
    family: 'parameter-centric',
    preemption: 'recompute',
    stretch: 1,
    drops: { kv: 'exchange' },
    params: { lookahead: false },
  },
  {
    name: 'chiron',
    family: 'autoscaling',
    preemption: 'swap',
    stretch: 1,
    scaling: { policy: 'chiron', roles: ['mixed', 'interactive', 'batch'] },
  },
  {
    name: 'hpa',
    family: 'autoscaling',
    preemption: 'recompute',
    stretch: 1,
    scaling: { policy: 'hpa', roles: ['mixed'], fails: true },
  },
  {
    name: 'llumnix-hpa',
    family: 'mixed',
    preemption: 'recompute',
    stretch: 1.1,
    migrates: true,
    scaling: { policy: 'hpa', roles: ['mixed'] },
  },
  { name: 'unlimited', family: 'bound', preemption: 'none', stretch: 50 },
];

const reserveBytes = 1_500_000;
const bytesPerToken = 25_000;
const capacityTokens = 4_600;
const numInstances = 4;
const stepMs = 25;

export interface SyntheticRequest {
  readonly id: number;
  readonly class: string;
  readonly arrivedMs: number;
  readonly prompt: number;
  readonly output: number;
  generated: number;
  scheduledMs: number | undefined;
  firstMs: number | undefined;
  endedMs: number | undefined;
  preemptions: number;
  preemptedAtMs: number;
  preemptedMs: number;
  stalledMs: number;
}

export interface SyntheticLoad {
  readonly seed: number;
  readonly seconds: number;
  readonly ratePerSecond: number;
  /** Every fourth request is of a class of its own. */
  readonly hasBatch: boolean;
}

function arrivals({ seed, seconds, ratePerSecond, hasBatch }: SyntheticLoad): SyntheticRequest[] {
  const rng = createRng(seed, 'synthetic-arrivals');
  const requests: SyntheticRequest[] = [];
  for (let timeMs = 0; ; ) {
    const isBurst = timeMs % 30_000 > 8000 && timeMs % 30_000 < 12_000;
    timeMs += (rng.exponential() * 1000) / (ratePerSecond * (isBurst ? 5 : 1));
    if (timeMs > seconds * 1000) return requests;
    requests.push({
      id: requests.length,
      class: hasBatch && requests.length % 4 === 3 ? 'batch' : 'interactive',
      arrivedMs: timeMs,
      prompt: 30 + rng.integer(90),
      output: 1 + Math.round(Math.exp(4.2 + 0.6 * rng.normal())),
      generated: 0,
      scheduledMs: undefined,
      firstMs: undefined,
      endedMs: undefined,
      preemptions: 0,
      preemptedAtMs: 0,
      preemptedMs: 0,
      stalledMs: 0,
    });
  }
}

/** One stack serving one load to its end. */
export class SyntheticServing {
  readonly requests: SyntheticRequest[];
  readonly decisions: DecisionRow[] = [];
  readonly timeseries: TimeseriesRow[] = [];
  readonly groups: SyntheticGroups;
  readonly fleet: SyntheticFleet;
  endMs = 0;
  #stalledUntilMs = 0;
  readonly #stack: SyntheticStack;
  readonly #rng: Rng;
  readonly #queue: SyntheticRequest[] = [];
  #running: SyntheticRequest[] = [];
  #nextIndex = 0;
  #hostTokens = 0;
  readonly #stopped = new Set<number>();

  constructor(stack: SyntheticStack, load: SyntheticLoad) {
    this.#stack = stack;
    this.#rng = createRng(load.seed, `synthetic-${stack.name}`);
    this.groups = new SyntheticGroups(stack.drops, load.seed);
    this.fleet = new SyntheticFleet({
      scaling: stack.scaling,
      migrates: stack.migrates ?? false,
      seed: load.seed,
      decide: (decision) => this.#decide({ outcome: 'applied', moment: 'onTick', ...decision }),
    });
    this.requests = arrivals(load);
    while (this.#nextIndex < this.requests.length || this.#queue.length > 0 || this.#running.length > 0) {
      this.#receive();
      this.#admit();
      this.#step();
      this.#regroup();
      this.fleet.step(this.endMs, { waiting: this.#queue.length, running: this.#running.length });
      this.#preempt();
      this.#sample();
    }
  }

  get #usedTokens(): number {
    return this.#running.reduce((sum, request) => sum + request.prompt + request.generated, 0);
  }

  get #capacityTokens(): number {
    let freed = 0;
    for (let instance = 0; instance < numInstances; instance += 1)
      freed += this.groups.memoryOf(instance).dropped;
    const shareOfInstances = this.#stack.scaling === undefined ? 1 : this.#numServing / numInstances;
    return capacityTokens * this.#stack.stretch * shareOfInstances + freed / bytesPerToken;
  }

  get #numServing(): number {
    let numServing = 0;
    for (let instance = 0; instance < this.fleet.size; instance += 1) {
      if (this.#stateOf(instance).state === 'ready') numServing += 1;
    }
    return numServing;
  }

  /** What scaling makes of the instance, and while it serves what dropping weights makes of it. */
  #stateOf(instance: number) {
    const { role, state } = this.fleet.stateOf(instance, this.endMs);
    if (state === 'stopped') return { role, state, group: -1 };
    if (state !== 'ready' || instance >= numInstances) return { role, state, group: instance };
    return { role, ...this.groups.stateOf(instance) };
  }

  #receive(): void {
    for (;;) {
      const request = this.requests[this.#nextIndex];
      if (request === undefined || request.arrivedMs > this.endMs) return;
      this.#queue.push(request);
      this.#decide({
        kind: 'dispatch',
        policy: 'least-loaded',
        data: { group: this.#rng.integer(numInstances) },
      });
      this.#nextIndex += 1;
    }
  }

  #admit(): void {
    for (;;) {
      const request = this.#queue[0];
      if (request === undefined) return;
      const tokens = request.prompt + request.generated;
      if (this.#usedTokens + tokens >= this.#capacityTokens * 0.97) return;
      this.#queue.shift();
      if (request.preemptions > 0) this.#resume(request, tokens);
      request.scheduledMs ??= this.endMs;
      this.#running.push(request);
    }
  }

  #resume(request: SyntheticRequest, tokens: number): void {
    request.preemptedMs += this.endMs - request.preemptedAtMs;
    if (this.#stack.preemption !== 'swap') return;
    this.#hostTokens = Math.max(0, this.#hostTokens - tokens);
    this.groups.swap(this.endMs, 'swap-in', tokens * bytesPerToken);
    this.#decide({ kind: 'swapIn', policy: 'swap', data: { request: request.id } });
  }

  #step(): void {
    const penalty = this.#stack.preemption === 'recompute' ? 1.08 : 0.97;
    this.endMs += stepMs * penalty * (0.9 + 0.2 * this.#rng.uniform()) * (1 + this.#running.length / 60);
    for (const request of this.#running) {
      request.generated += 1;
      request.firstMs ??= this.endMs;
      if (request.generated >= request.output) request.endedMs = this.endMs;
    }
    this.#running = this.#running.filter((request) => request.endedMs === undefined);
  }

  /** A drop stalls what runs, longer where KV moves. */
  #regroup(): void {
    const hasMerged = this.groups.step(this.endMs, this.#usedTokens / (capacityTokens * this.#stack.stretch));
    if (!hasMerged) return;
    const longest = this.#stack.drops?.kv === 'exchange' ? 350 : 40;
    this.#stalledUntilMs = this.endMs + longest;
    for (const request of this.#running) request.stalledMs += 2 + longest * this.#rng.uniform() ** 2;
    this.#decide({ kind: 'drop', policy: 'kunserve', data: {} });
  }

  #preempt(): void {
    const { preemption } = this.#stack;
    while (this.#usedTokens > this.#capacityTokens) {
      const victim = this.#running.pop()!;
      victim.preemptions += 1;
      victim.preemptedAtMs = this.endMs;
      const tokens = victim.prompt + victim.generated;
      if (preemption === 'swap') {
        this.#hostTokens += tokens;
        this.groups.swap(this.endMs, 'swap-out', tokens * bytesPerToken);
      }
      this.#queue.unshift(victim);
      this.#decide({ kind: 'preempt', policy: preemption, data: { request: victim.id, mode: preemption } });
    }
  }

  #decide(decision: Pick<DecisionRow, 'kind' | 'policy' | 'data'> & Partial<DecisionRow>): void {
    this.decisions.push({
      time_us: Math.round(this.endMs * 1000),
      moment: decision.kind === 'dispatch' ? 'dispatch' : 'onMemoryPressure',
      reason: 'synthetic',
      outcome: this.#rng.uniform() < 0.01 ? 'rejected' : 'applied',
      ...decision,
    });
  }

  #sample(): void {
    for (let instance = 0; instance < this.fleet.size; instance += 1) {
      const { role, state, group } = this.#stateOf(instance);
      if (this.#stopped.has(instance)) continue;
      if (state === 'stopped') this.#stopped.add(instance);
      const hasMemory = state === 'ready' || state === 'draining';
      this.timeseries.push({
        time_us: Math.round(this.endMs * 1000),
        instance,
        group,
        role,
        state,
        ...this.#memoryAt(instance, hasMemory),
        ...this.#countsAt(instance, state === 'ready'),
        busy_us: hasMemory ? 20_000 : 0,
      });
    }
  }

  #memoryAt(instance: number, hasMemory: boolean) {
    const { held, loading, dropped } = this.groups.memoryOf(instance);
    const used = this.#usedTokens;
    const baseBytes = (this.#stack.family === 'bound' ? used : capacityTokens) * bytesPerToken;
    const capacityBytes = hasMemory ? Math.round(baseBytes / numInstances) + dropped : 0;
    const share = (used * bytesPerToken) / Math.max(1, this.#numServing);
    const usedBytes = Math.min(capacityBytes, Math.round(share * (0.94 + 0.04 * (instance % 4))));
    return {
      weight_bytes: hasMemory ? held : 0,
      kv_used_bytes: usedBytes,
      kv_free_bytes: capacityBytes - usedBytes,
      reserve_bytes: hasMemory ? reserveBytes : 0,
      loading_bytes: loading,
      dropped_bytes: dropped,
      host_kv_bytes: Math.round((this.#hostTokens * bytesPerToken * 6) / numInstances),
    };
  }

  #countsAt(instance: number, isServing: boolean) {
    const numServing = Math.max(1, this.#numServing);
    const part = (total: number) =>
      isServing ? Math.floor((total + (instance % numServing)) / numServing) : 0;
    const [first] = this.#queue;
    const headBytes = first === undefined ? 0 : (first.prompt + first.generated) * bytesPerToken;
    const waiting = part(this.#queue.length);
    const running = part(this.#running.length);
    return {
      waiting_kv_bytes: waiting * headBytes,
      head_kv_bytes: waiting === 0 ? 0 : headBytes,
      waiting,
      running,
      swapped: 0,
      exchanging: this.endMs < this.#stalledUntilMs ? running : 0,
      prefill_tokens: 20,
      decode_tokens: running,
    };
  }
}

/** The line of `requests.jsonl`. */
export function requestRow(request: SyntheticRequest): RequestRow {
  return {
    id: request.id,
    class: request.class,
    status: 'finished',
    arrived_at_us: Math.round(request.arrivedMs * 1000),
    first_scheduled_at_us: toUs(request.scheduledMs),
    first_token_at_us: toUs(request.firstMs),
    ended_at_us: toUs(request.endedMs),
    prompt_tokens: request.prompt,
    output_tokens: request.output,
    generated_tokens: request.generated,
    max_itl_us: 40_000,
    group: request.id % numInstances,
    preemptions: request.preemptions,
    swaps: 0,
    migrations: 0,
    preempted_us: Math.round(request.preemptedMs * 1000),
    stalled_us: Math.round(request.stalledMs * 1000),
  };
}

function toUs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1000);
}
