import { expect } from 'vitest';
import type { InstanceId } from '../../harness/domain/ids.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { blockSizeTokens, tinyHardware, tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../../harness/core/executor.ts';
import type { LayerRange } from '../../harness/domain/model-shape.ts';
import { MeasuredExecutor } from '../../harness/executors/measured.ts';
import { SimulatedExecutor } from '../../harness/executors/simulated.ts';
import { describeFailure, verifyTokens } from '../../harness/executors/verify.ts';
import { backend } from '../model/support.ts';

const model = { backend, shape: tinyModel, seed: 3 };

/** TensorFlow runs every step, but steps are charged what the cost model says: virtual time repeats exactly. */
class RepeatableExecutor extends MeasuredExecutor {
  readonly #clock = new SimulatedExecutor(tinyModel);
  /** Entries of stages whose KV was elsewhere, and micro-batches that did not go on. */
  numRemote = 0;
  numAbandoned = 0;

  override startInstance(
    instance: InstanceId,
    layers: LayerRange,
    numCells: number,
    hardware = tinyHardware(20),
  ): void {
    super.startInstance(instance, layers, numCells);
    this.#clock.startInstance(instance, layers, numCells, hardware);
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    this.numRemote += batch.numRemote;
    super.runStage(batch, stage);
    return this.#clock.runStage(batch, stage);
  }

  override attentionUs(batch: MicroBatch, stage: Stage, remote: RemoteAttention): number {
    super.attentionUs(batch, stage, remote);
    return this.#clock.attentionUs(batch, stage, remote);
  }

  override abandonBatch(batch: MicroBatch): void {
    this.numAbandoned += 1;
    super.abandonBatch(batch);
  }
}

export interface VerifiedRun {
  readonly seen: Collector;
  readonly executor: RepeatableExecutor;
}

/**
 * Runs with every invariant checked at every event, the tensors' bytes and cells among them; then checks every token, that
 * no instance has kept anything of a request or outlived its release, and that closing frees every tensor.
 */
export function runVerified(run: Omit<TinyRun, 'executor'>): VerifiedRun {
  const before = backend.numTensors();
  const executor = new RepeatableExecutor({ ...model, blockSizeTokens });
  try {
    const { seen, totals } = runTiny({ maxDurationUs: 5e6, ...run, executor });
    const check = verifyTokens(executor.ended(), model);
    expect(check.failures.map(describeFailure)).toEqual([]);
    expect(check.verifiedTokens).toBe(totals.generatedTokens);
    expectNothingKept(seen, executor);
    return { seen, executor };
  } finally {
    executor.close();
    expect(backend.numTensors()).toBe(before);
  }
}

function expectNothingKept(seen: Collector, executor: RepeatableExecutor): void {
  const last = new Map(seen.samples.map((sample) => [sample.instanceId, sample]));
  for (const { instanceId, state } of last.values()) {
    if (['provisioning', 'stopped', 'failed'].includes(state)) {
      expect(() => executor.instance(instanceId)).toThrow(`instance ${instanceId}`);
    } else {
      const { model: held, hostKv } = executor.instance(instanceId);
      expect([instanceId, held.kv.usedCells, hostKv.bytes]).toEqual([instanceId, 0, 0]);
    }
  }
}
