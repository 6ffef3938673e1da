import { createRng } from '../../harness/base/rng.ts';
import type { Rng } from '../../harness/base/rng.ts';
import type { DecisionRow, RequestRow, StackInfo, TimeseriesRow } from '../../harness/metrics/results.ts';

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
  { name: 'kunserve', family: 'parameter-centric', preemption: 'recompute', stretch: 1.38 },
  { name: 'chiron', family: 'autoscaling', preemption: 'swap', stretch: 1.2 },
  { name: 'hpa', family: 'autoscaling', preemption: 'recompute', stretch: 1.05 },
  { name: 'unlimited', family: 'bound', preemption: 'none', stretch: 50 },
];

const weightBytes = 22_000_000;
const reserveBytes = 1_500_000;
const bytesPerToken = 25_000;
const capacityTokens = 4_600;
const numInstances = 4;
const stepMs = 25;

export interface SyntheticRequest {
  readonly id: number;
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
}

export interface SyntheticLoad {
  readonly seed: number;
  readonly seconds: number;
  readonly ratePerSecond: number;
}

function arrivals({ seed, seconds, ratePerSecond }: SyntheticLoad): SyntheticRequest[] {
  const rng = createRng(seed, 'synthetic-arrivals');
  const requests: SyntheticRequest[] = [];
  for (let timeMs = 0; ; ) {
    const isBurst = timeMs % 30_000 > 8000 && timeMs % 30_000 < 12_000;
    timeMs += (rng.exponential() * 1000) / (ratePerSecond * (isBurst ? 5 : 1));
    if (timeMs > seconds * 1000) return requests;
    requests.push({
      id: requests.length,
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
    });
  }
}

/** One stack serving one load to its end. */
export class SyntheticServing {
  readonly requests: SyntheticRequest[];
  readonly decisions: DecisionRow[] = [];
  readonly timeseries: TimeseriesRow[] = [];
  endMs = 0;
  readonly #stack: SyntheticStack;
  readonly #rng: Rng;
  readonly #queue: SyntheticRequest[] = [];
  #running: SyntheticRequest[] = [];
  #nextIndex = 0;
  #hostTokens = 0;

  constructor(stack: SyntheticStack, load: SyntheticLoad) {
    this.#stack = stack;
    this.#rng = createRng(load.seed, `synthetic-${stack.name}`);
    this.requests = arrivals(load);
    while (this.#nextIndex < this.requests.length || this.#queue.length > 0 || this.#running.length > 0) {
      this.#receive();
      this.#admit();
      this.#step();
      this.#preempt();
      this.#sample();
    }
  }

  get #usedTokens(): number {
    return this.#running.reduce((sum, request) => sum + request.prompt + request.generated, 0);
  }

  get #capacityTokens(): number {
    return capacityTokens * this.#stack.stretch;
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

  #preempt(): void {
    const { preemption } = this.#stack;
    while (this.#usedTokens > this.#capacityTokens) {
      const victim = this.#running.pop()!;
      victim.preemptions += 1;
      victim.preemptedAtMs = this.endMs;
      if (preemption === 'swap') this.#hostTokens += victim.prompt + victim.generated;
      this.#queue.unshift(victim);
      this.#decide({ kind: 'preempt', policy: preemption, data: { request: victim.id, mode: preemption } });
    }
  }

  #decide(decision: { kind: string; policy: string; data: Record<string, unknown> }): void {
    this.decisions.push({
      time_us: Math.round(this.endMs * 1000),
      moment: decision.kind === 'dispatch' ? 'dispatch' : 'onMemoryPressure',
      reason: 'synthetic',
      outcome: this.#rng.uniform() < 0.01 ? 'rejected' : 'applied',
      ...decision,
    });
  }

  #sample(): void {
    const used = this.#usedTokens;
    const isParameterCentric = this.#stack.family === 'parameter-centric';
    const keptShare = isParameterCentric && used > capacityTokens ? 0.5 : 1;
    const capacity = isParameterCentric ? capacityTokens : this.#capacityTokens;
    const capacityBytes = (capacity * bytesPerToken) / numInstances + weightBytes * (1 - keptShare);
    for (let instance = 0; instance < numInstances; instance += 1) {
      const usedBytes = Math.round(((used * bytesPerToken) / numInstances) * (0.94 + 0.04 * instance));
      const part = (total: number) => Math.floor((total + instance) / numInstances);
      this.timeseries.push({
        time_us: Math.round(this.endMs * 1000),
        instance,
        group: instance,
        role: 'mixed',
        state: 'ready',
        weight_bytes: weightBytes * keptShare,
        kv_used_bytes: usedBytes,
        kv_free_bytes: Math.max(0, Math.round(capacityBytes - usedBytes)),
        reserve_bytes: reserveBytes,
        host_kv_bytes: Math.round((this.#hostTokens * bytesPerToken * 6) / numInstances),
        waiting: part(this.#queue.length),
        running: part(this.#running.length),
        swapped: 0,
        prefill_tokens: 20,
        decode_tokens: part(this.#running.length),
        busy_us: 20_000,
      });
    }
  }
}

/** The line of `requests.jsonl`. */
export function requestRow(request: SyntheticRequest): RequestRow {
  return {
    id: request.id,
    class: 'interactive',
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
    stalled_us: 0,
  };
}

function toUs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1000);
}
