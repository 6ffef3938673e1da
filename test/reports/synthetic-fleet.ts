import { createRng } from '../../harness/base/rng.ts';
import type { Rng } from '../../harness/base/rng.ts';
import type { DecisionRow, MigrationRow, TimeseriesRow } from '../../harness/metrics/results.ts';
import type { ClusterEventRow } from '../../reports/load.ts';

export interface SyntheticScaling {
  readonly policy: string;
  /** Roles that new instances get in turn. */
  readonly roles: readonly string[];
  /** The second start fails once. */
  readonly fails?: boolean;
}

const numAtStart = 4;
const maxInstances = 7;
const provisioningMs = 1200;
const loadingMs = 900;
const warmUpMs = 500;

interface SyntheticInstance {
  readonly role: string;
  readonly requestedMs: number;
  readonly readyMs: number;
  drainedMs: number | undefined;
  stoppedMs: number | undefined;
}

type Decide = (decision: Pick<DecisionRow, 'kind' | 'policy' | 'data' | 'reason'>) => void;

/** Instances that come when many requests wait and go when none does, and requests that move: all of it made up. */
export class SyntheticFleet {
  readonly events: ClusterEventRow[] = [];
  readonly migrations: MigrationRow[] = [];
  readonly #instances: SyntheticInstance[];
  readonly #scaling: SyntheticScaling | undefined;
  readonly #migrates: boolean;
  readonly #decide: Decide;
  readonly #rng: Rng;
  #nextActionMs = 0;
  #numFailures = 0;

  constructor(options: {
    scaling: SyntheticScaling | undefined;
    migrates: boolean;
    seed: number;
    decide: Decide;
  }) {
    this.#scaling = options.scaling;
    this.#migrates = options.migrates;
    this.#decide = options.decide;
    this.#rng = createRng(options.seed, 'synthetic-fleet');
    const role = options.scaling?.roles[0] ?? 'mixed';
    this.#instances = Array.from({ length: numAtStart }, () => instanceAt(-10_000, role));
  }

  /** Instances that there ever were. */
  get size(): number {
    return this.#instances.length;
  }

  /** Role and state of an instance; gone once a sample has said that it was stopped. */
  stateOf(instance: number, nowMs: number): { role: string; state: TimeseriesRow['state'] } {
    const { role, requestedMs, readyMs, drainedMs, stoppedMs } = this.#instances[instance]!;
    const at = (sinceMs: number | undefined) => sinceMs !== undefined && nowMs >= sinceMs;
    if (at(stoppedMs)) return { role, state: 'stopped' };
    if (at(drainedMs)) return { role, state: 'draining' };
    if (at(readyMs)) return { role, state: 'ready' };
    if (at(readyMs - warmUpMs)) return { role, state: 'warming-up' };
    return { role, state: at(requestedMs + provisioningMs) ? 'loading' : 'provisioning' };
  }

  step(nowMs: number, load: { waiting: number; running: number }): void {
    if (this.#migrates && load.running > 8 && this.#rng.uniform() < 0.2) this.#migrate(nowMs);
    if (this.#scaling === undefined || nowMs < this.#nextActionMs) return;
    const coming = this.#instances.filter(({ stoppedMs }) => stoppedMs === undefined).length;
    if (load.waiting > 4 && coming < maxInstances) this.#scaleUp(nowMs, load.waiting);
    else if (load.waiting === 0 && load.running < 6 && coming > 3) this.#drain(nowMs, load.running);
  }

  /** Instance-seconds by what `summary.json` asks for. */
  costs(endMs: number) {
    let [total, cold, draining] = [0, 0, 0];
    for (const { requestedMs, readyMs, drainedMs = endMs, stoppedMs = endMs } of this.#instances) {
      const start = Math.max(0, requestedMs);
      total += stoppedMs - start;
      cold += Math.max(0, Math.min(readyMs, stoppedMs) - start);
      draining += Math.max(0, stoppedMs - drainedMs);
    }
    return { total: total / 1000, cold: cold / 1000, draining: draining / 1000 };
  }

  #scaleUp(nowMs: number, waiting: number): void {
    const { policy, roles, fails = false } = this.#scaling!;
    const numInstances = this.size === numAtStart ? 2 : 1;
    const role = roles[this.size % roles.length] ?? 'mixed';
    const retryMs = fails && this.#numFailures === 0 ? provisioningMs : 0;
    for (let count = 0; count < numInstances; count += 1) {
      const instance = instanceAt(nowMs, role, retryMs + provisioningMs + loadingMs + warmUpMs);
      this.#note(nowMs, 'instanceRequested', this.size, 'asked for');
      this.#note(instance.readyMs, 'instanceReady', this.size, 'serves');
      this.#instances.push(instance);
    }
    if (retryMs > 0) {
      this.#numFailures += 1;
      this.#note(nowMs + provisioningMs, 'startFailed', this.size - 1, 'attempt 1, again in 1200 ms');
    }
    const reason = `${waiting} requests wait, above 4`;
    this.#decide({ kind: 'scaleUp', policy, data: { numInstances, role }, reason });
    this.#nextActionMs = nowMs + 900;
  }

  #drain(nowMs: number, running: number): void {
    const groupId = this.#instances.findLastIndex(
      ({ stoppedMs, readyMs }) => stoppedMs === undefined && readyMs <= nowMs,
    );
    const instance = this.#instances[groupId];
    if (instance === undefined) return;
    instance.drainedMs = nowMs;
    instance.stoppedMs = nowMs + 700;
    const { policy } = this.#scaling!;
    this.#decide({ kind: 'drain', policy, data: { groupId }, reason: `only ${running} requests run` });
    this.#note(nowMs, 'drainStarted', groupId, `${running} requests left`);
    this.#note(nowMs + 700, 'instanceStopped', groupId, 'released');
    this.#nextActionMs = nowMs + 1500;
  }

  #migrate(nowMs: number): void {
    const serving = this.#instances.flatMap((_, index) =>
      this.stateOf(index, nowMs).state === 'ready' ? [index] : [],
    );
    const from = serving[this.#rng.integer(serving.length)]!;
    const to = serving[(serving.indexOf(from) + 1) % serving.length]!;
    const protocol = this.#rng.uniform() < 0.7 ? 'live' : 'blocking';
    const tokens = 30 + this.#rng.integer(400);
    const isAborted = this.#rng.uniform() < 0.1;
    const downtimeMs = protocol === 'live' ? 3 + this.#rng.uniform() : 2 + tokens / 8;
    const startedUs = Math.round(nowMs * 1000);
    const endedUs = startedUs + Math.round((downtimeMs + tokens / 4) * 1000);
    const downtimeUs = Math.round(downtimeMs * 1000);
    this.migrations.push({
      request: this.migrations.length,
      from_group: from,
      to_group: to,
      from_instance: from,
      to_instance: to,
      protocol,
      tokens,
      stages: protocol === 'live' ? 2 : 1,
      bytes: tokens * 25_000,
      started_us: startedUs,
      stopped_us: isAborted ? null : endedUs - downtimeUs,
      ended_us: endedUs,
      downtime_us: isAborted ? null : downtimeUs,
      outcome: isAborted ? 'aborted' : 'done',
      ...(isAborted ? { reason: 'the target has no free blocks' } : {}),
    });
  }

  #note(timeMs: number, kind: string, instance: number, detail: string): void {
    this.events.push({ time_us: Math.round(timeMs * 1000), kind, instance, group: instance, detail });
  }
}

function instanceAt(requestedMs: number, role: string, afterMs = 0): SyntheticInstance {
  return {
    role,
    requestedMs,
    readyMs: requestedMs + afterMs,
    drainedMs: undefined,
    stoppedMs: undefined,
  };
}
