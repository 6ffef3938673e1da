import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { loadBackend } from '../../harness/backend/load.ts';
import { ensureBackend } from '../../harness/backend/provision.ts';
import { createRng } from '../../harness/base/rng.ts';
import { quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { Collector } from '../../harness/conformance/collector.ts';
import { request, workloadOf } from '../../harness/conformance/tiny-cluster.ts';
import { enginePresets } from '../../harness/core/engine.ts';
import type { MigrationRecord } from '../../harness/core/observer.ts';
import { runCluster } from '../../harness/core/run.ts';
import { MeasuredExecutor } from '../../harness/executors/measured.ts';
import { describeFailure, verifyTokens } from '../../harness/executors/verify.ts';
import { defaultMigration, type MigrationProtocol, type Policy } from '../../harness/policy/index.ts';
import { PolicyStack } from '../../harness/policy/stack.ts';
import { hardwareSchema, toHardware } from '../../harness/config/hardware-schema.ts';
import { modelSchema, toModelShape } from '../../harness/config/model-schema.ts';

/**
 * What a migration costs a request by its length, on TensorFlow: requests of `tiny-llama` run one after the other on one
 * `laptop-cell` and are moved to another one after a few tokens (Llumnix, section 6.2: downtime does not grow with the
 * length when migration is live). Steps are measured; transfers take what the network's bandwidth and latency say.
 */
const lengths = [64, 128, 192, 256, 320] as const;
const repeats = 7;
const protocols: readonly MigrationProtocol[] = [
  defaultMigration,
  { kind: 'blocking' },
  { kind: 'recompute' },
];

/** Tokens of the answer before the migration is asked for, and all of them. */
const tokensBefore = 8;
const outputTokens = 48;
/** So far apart that one request has ended before the next arrives. */
const spacingUs = 500_000;

const trials = Array.from({ length: repeats }, () =>
  lengths.flatMap((length) => protocols.map((protocol) => ({ length, protocol }))),
).flat();

const specs = trials.map(({ length }, id) => {
  return request(id, id * spacingUs, length - tokensBefore, outputTokens);
});

/** Every request begins on the first instance, and moves to the second when it has had its first few tokens. */
function mover(): Policy {
  let numMoved = 0;
  return {
    dispatch: () => ({ kind: 'dispatch', groupId: asGroupId(0), reason: 'all begin there' }),
    tickUs: 100,
    onTick: (view) => {
      const trial = trials[numMoved];
      const moving = view.request(asRequestId(numMoved));
      if (trial === undefined || moving === undefined || moving.generatedTokens < tokensBefore) return [];
      const { protocol } = trial;
      numMoved += 1;
      return [{ kind: 'migrate', requestId: moving.id, groupId: asGroupId(1), protocol, reason: 'its turn' }];
    },
  };
}

/** Notes the time between the last token before a migration and the first after it; only one request runs at a time. */
class PauseCollector extends Collector {
  /** By request. */
  readonly pausesUs = new Map<number, number>();
  #migrated: number | undefined;

  override migrationEnded(record: MigrationRecord): void {
    super.migrationEnded(record);
    this.#migrated = record.requestId;
  }

  override tokenGap(gapUs?: number): void {
    if (this.#migrated !== undefined && gapUs !== undefined) this.pausesUs.set(this.#migrated, gapUs);
    this.#migrated = undefined;
  }
}

function described(kind: 'hardware' | 'models', name: string): unknown {
  return parse(readFileSync(new URL(`../../configs/${kind}/${name}.yaml`, import.meta.url), 'utf8'));
}

await ensureBackend({ device: 'auto', onProgress: () => {} });
const backend = await loadBackend({ numThreads: 1 });
const hardware = toHardware(hardwareSchema.parse(described('hardware', 'laptop-cell')), 'laptop-cell');
const shape = toModelShape(modelSchema.parse(described('models', 'tiny-llama')), 'tiny-llama');
const model = { backend, shape, seed: 1 };
const executor = new MeasuredExecutor({ ...model, blockSizeTokens: 16 });
const seen = new PauseCollector();
const member = { name: 'mover', capabilities: { dispatches: true, migrates: true }, policy: mover() };
runCluster({
  model: shape,
  hardware,
  numInstances: 2,
  maxInstances: 2,
  startRng: createRng(1, 'cold-start'),
  stagesPerGroup: 1,
  blockSizeTokens: 16,
  engine: enginePresets['vllm-v1'].rules,
  loadReporting: { kind: 'live' },
  limits: { maxRunning: 64, maxBatchTokens: 512, watermarkRatio: 0, admits: true },
  workload: workloadOf(specs),
  stack: new PolicyStack([member], { enter() {}, leave() {} }),
  executor,
  observer: seen,
  sampleIntervalUs: 1e9,
  faults: [],
  maxDurationUs: 1e12,
  checkEvery: 0,
});
const check = verifyTokens(executor.ended(), model);
executor.close();
if (check.failures.length > 0) throw new Error(check.failures.map(describeFailure).join('\n'));

const medianMs = (valuesUs: readonly number[]) => (quantileOfSorted(sorted(valuesUs), 0.5) ?? NaN) / 1000;

const results = lengths.flatMap((length) =>
  protocols.map(({ kind: protocol }) => {
    const ids = trials.flatMap((trial, id) =>
      trial.length === length && trial.protocol.kind === protocol ? [id] : [],
    );
    const migrations = seen.migrations.filter(({ requestId }) => ids.includes(requestId));
    const downtimes = migrations.map(({ stoppedAtUs = NaN, endedAtUs }) => endedAtUs - stoppedAtUs);
    const pauses = ids.map((id) => seen.pausesUs.get(id) ?? NaN);
    const stages = [...new Set(migrations.map(({ numStages }) => numStages))];
    return { length, protocol, stages, stoppedMs: medianMs(downtimes), pauseMs: medianMs(pauses) };
  }),
);
for (const { length, protocol, stages, stoppedMs, pauseMs } of results) {
  const [stopped, pause] = [stoppedMs, pauseMs].map((ms) => `${ms.toFixed(2).padStart(6)} ms`);
  const name = `${String(length).padStart(4)} tokens, ${protocol.padEnd(9)}`;
  console.log(`${name} stopped ${stopped}, ${pause} between two tokens, ${stages.join(' or ')} stages`);
}
console.log(
  JSON.stringify({ benchmark: 'migration', repeats, verifiedTokens: check.verifiedTokens, results }),
);
