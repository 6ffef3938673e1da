import { createRng } from '../../harness/base/rng.ts';
import type { Rng } from '../../harness/base/rng.ts';
import type { TransferRow } from '../../harness/metrics/rows/transfer-row.ts';
import type { ClusterEventRow } from '../../reports/load.ts';

export interface SyntheticDrops {
  /** How requests get on after a drop: their KV moves, or is read where it is. */
  readonly kv: 'exchange' | 'attention';
  /** When instance 3 fails. */
  readonly faultAtMs?: number;
}

const numInstances = 4;
const weightBytes = 22_000_000;
const loadingMs = 1200;

/**
 * Groups of instances that merge in pairs when memory is short and part when it is not, with the events and transfers
 * that go with it: all of it made up.
 */
export class SyntheticGroups {
  readonly events: ClusterEventRow[] = [];
  readonly transfers: TransferRow[] = [];
  readonly #drops: SyntheticDrops | undefined;
  readonly #rng: Rng;
  readonly #groupOf = Array.from({ length: numInstances }, (_, instance) => instance);
  #phase: 'alone' | 'merged' | 'restoring' = 'alone';
  #sinceMs = 0;
  #calmSinceMs = 0;
  #nextGroup = numInstances;
  #hasFailed = false;

  constructor(drops: SyntheticDrops | undefined, seed: number) {
    this.#drops = drops;
    this.#rng = createRng(seed, 'synthetic-groups');
  }

  get isMerged(): boolean {
    return this.#phase !== 'alone';
  }

  /** Weights held, on their way, and dropped. */
  memoryOf(instance: number) {
    const isPart = this.isMerged && this.#pairs().flat().includes(instance);
    const part = isPart ? weightBytes / 2 : 0;
    const loading = this.#phase === 'restoring' ? part : 0;
    const held = this.#isGone(instance) ? 0 : weightBytes - part;
    return { held, loading, dropped: part - loading };
  }

  /** State and group of the instance, as in the samples. */
  stateOf(instance: number) {
    if (this.#isGone(instance)) return { group: -1, state: 'failed' as const };
    return { group: this.#groupOf[instance] ?? -1, state: 'ready' as const };
  }

  /** One step of the cluster: `load` is KV in use over the KV memory that there is without drops. True on a merge. */
  step(nowMs: number, load: number): boolean {
    if (this.#drops === undefined) return false;
    if (load > 0.5) this.#calmSinceMs = nowMs;
    this.#fail(nowMs, this.#drops.faultAtMs);
    if (this.isMerged) this.#sendActivations(nowMs);
    if (this.#phase === 'alone' && load > 0.95) {
      this.#merge(nowMs, this.#drops.kv);
      return true;
    }
    if (this.#phase === 'merged' && nowMs - this.#calmSinceMs > 600) this.#beginRestore(nowMs);
    else if (this.#phase === 'restoring' && load > 0.7) this.#cancelRestore(nowMs);
    else if (this.#phase === 'restoring' && nowMs - this.#sinceMs > loadingMs) this.#split(nowMs);
    return false;
  }

  /** A request's KV to the host or back. */
  swap(nowMs: number, direction: 'swap-in' | 'swap-out', bytes: number): void {
    const instance = this.#rng.integer(numInstances);
    const path =
      direction === 'swap-out'
        ? { source: instance, target: 'host' as const }
        : { source: 'host' as const, target: instance };
    this.#send(nowMs, { kind: direction, ...path, bytes, ms: 12 });
  }

  #isGone(instance: number): boolean {
    return this.#hasFailed && instance === numInstances - 1;
  }

  #pairs(): [number, number][] {
    return this.#hasFailed
      ? [[0, 1]]
      : [
          [0, 1],
          [2, 3],
        ];
  }

  #merge(nowMs: number, kv: SyntheticDrops['kv']): void {
    for (const [first, second] of this.#pairs()) {
      const group = this.#nextGroup;
      this.#nextGroup += 1;
      for (const instance of [first, second]) {
        this.#groupOf[instance] = group;
        this.#note(nowMs, 'weightsDropped', { instance, detail: '11000000 B freed' });
      }
      this.#note(nowMs, 'groupsMerged', { group, detail: 'two groups are one' });
      const kind = kv === 'exchange' ? ('exchange' as const) : ('attention' as const);
      const bytes = kv === 'exchange' ? 12_000_000 : 900_000;
      this.#send(nowMs, { kind, source: first, target: second, bytes, ms: 350 });
      this.#send(nowMs, { kind, source: second, target: first, bytes, ms: 300 });
    }
    this.#enter('merged', nowMs);
  }

  #beginRestore(nowMs: number): void {
    for (const [first, second] of this.#pairs()) {
      this.#note(nowMs, 'restoreStarted', { group: this.#groupOf[first] ?? 0, detail: '2 instances load' });
      this.#send(nowMs, { kind: 'weights', source: second, target: first, bytes: 11_000_000, ms: loadingMs });
      this.#send(nowMs, { kind: 'weights', source: 'host', target: second, bytes: 11_000_000, ms: 800 });
    }
    this.#enter('restoring', nowMs);
  }

  #cancelRestore(nowMs: number): void {
    for (const [first] of this.#pairs()) {
      this.#note(nowMs, 'restoreCancelled', { group: this.#groupOf[first] ?? 0, detail: 'KV cells again' });
    }
    this.#enter('merged', nowMs);
  }

  #split(nowMs: number): void {
    for (const pair of this.#pairs()) {
      const group = this.#groupOf[pair[0]] ?? 0;
      for (const instance of pair) {
        this.#groupOf[instance] = this.#nextGroup;
        this.#nextGroup += 1;
        this.#note(nowMs, 'weightsLoaded', { instance, detail: '11000000 B loaded' });
      }
      this.#note(nowMs, 'groupSplit', { group, detail: 'into two groups' });
    }
    this.#enter('alone', nowMs);
  }

  #fail(nowMs: number, faultAtMs = Infinity): void {
    if (this.#hasFailed || nowMs < faultAtMs) return;
    if (this.isMerged) this.#split(nowMs);
    this.#hasFailed = true;
    this.#note(nowMs, 'instanceFailed', { instance: numInstances - 1, detail: '9 requests lose their KV' });
  }

  #sendActivations(nowMs: number): void {
    for (const [first, second] of this.#pairs()) {
      this.#send(nowMs, { kind: 'activations', source: first, target: second, bytes: 24_000, ms: 0.4 });
    }
  }

  #enter(phase: 'alone' | 'merged' | 'restoring', nowMs: number): void {
    this.#phase = phase;
    this.#sinceMs = nowMs;
    this.#calmSinceMs = nowMs;
  }

  #note(nowMs: number, kind: string, about: { instance?: number; group?: number; detail: string }): void {
    const { instance = null, group = null, detail } = about;
    this.events.push({ time_us: Math.round(nowMs * 1000), kind, instance, group, detail });
  }

  #send(
    nowMs: number,
    { ms, ...what }: Pick<TransferRow, 'kind' | 'source' | 'target' | 'bytes'> & { ms: number },
  ) {
    const startUs = Math.round(nowMs * 1000);
    const times = { requested_us: startUs, started_us: startUs, ended_us: startUs + Math.round(ms * 1000) };
    this.transfers.push({ ...what, request: null, ...times });
  }
}
