import { expect } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import type { LayerRange } from '../../harness/domain/model-shape.ts';
import type { KvPlacement, MicroBatch } from '../../harness/core/executor.ts';
import { MeasuredExecutor } from '../../harness/executors/measured.ts';
import { generatedTokens } from '../../harness/executors/measured-requests.ts';
import { describeFailure, verifyTokens } from '../../harness/executors/verify.ts';
import { allLayers, backend, microBatch, requestSpec, tinyShape } from './support.ts';

export const seed = 5;
export const blockSizeTokens = 4;
const cellsPerInstance = 400;

interface StageOf {
  readonly instance: number;
  readonly layers: LayerRange;
}

/** Plays the core: schedules by hand and keeps count of what has been computed. */
export class Driver {
  readonly executor = new MeasuredExecutor({ backend, shape: tinyShape, seed, blockSizeTokens });
  readonly outputTokens = new Map<number, number>();
  readonly computed = new Map<number, number>();
  /** Of requests whose KV is not where the stages run. */
  readonly placements = new Map<number, KvPlacement>();
  #numBatches = 0;

  start(instance: number, layers: LayerRange = allLayers(tinyShape)): void {
    this.executor.startInstance(asInstanceId(instance), layers, cellsPerInstance);
  }

  admit(id: number, promptTokens: number, outputTokens: number): void {
    this.executor.addRequest(requestSpec(id, promptTokens, outputTokens));
    this.outputTokens.set(id, outputTokens);
    this.computed.set(id, 0);
  }

  /** One step of some requests through the stages, at most `chunk` new tokens each. Returns microseconds by stage. */
  step(ids: readonly number[], stages: readonly StageOf[], chunk = 1000): number[] {
    const batch = this.form(ids, chunk);
    return stages.map((_, stageIndex) => this.runStage(batch, stages, stageIndex));
  }

  /** A micro-batch of the next tokens of some requests, at most `chunk` each. */
  form(ids: readonly number[], chunk = 1000): MicroBatch {
    const entries = ids.map((requestId) => {
      const pastTokens = this.computed.get(requestId)!;
      const known = this.executor.transcript(asRequestId(requestId)).numTokens;
      const numTokens = Math.min(chunk, known - pastTokens);
      this.computed.set(requestId, pastTokens + numTokens);
      const samples = pastTokens + numTokens === known;
      return { requestId, numTokens, pastTokens, samples, placement: this.placements.get(requestId) };
    });
    return microBatch(this.#numBatches++, entries);
  }

  runStage(batch: MicroBatch, stages: readonly StageOf[], stageIndex: number): number {
    const { instance, layers } = stages[stageIndex]!;
    return this.executor.runStage(batch, {
      instanceId: asInstanceId(instance),
      layers,
      stageIndex,
      isFirst: stageIndex === 0,
      isLast: stageIndex === stages.length - 1,
    });
  }

  /** The micro-batch does not go on: what it was to compute is open again. */
  abandon(batch: MicroBatch): void {
    this.executor.abandonBatch(batch);
    for (let index = 0; index < batch.size; index += 1) {
      this.computed.set(batch.requestIds[index]!, batch.pastTokens[index]!);
    }
  }

  /** Moves KV of a request from device to device, as an exchange or a migration does. */
  moveKv(requestId: number, layers: LayerRange, ends: { from: number; to: number }): void {
    const from = { instanceId: asInstanceId(ends.from), tier: 'device' } as const;
    const to = { instanceId: asInstanceId(ends.to), tier: 'device' } as const;
    this.executor.copyKv(asRequestId(requestId), layers, {
      from,
      to,
      numTokens: this.computed.get(requestId)!,
    });
    this.executor.releaseKv(asRequestId(requestId), layers, from);
  }

  /** Steps the requests until all have their output, or `limit` steps. */
  run(ids: readonly number[], stages: readonly StageOf[], limit = Infinity): void {
    for (let step = 0; step < limit; step += 1) {
      const open = ids.filter((id) => !this.isComplete(id));
      if (open.length === 0) return;
      this.step(open, stages);
    }
  }

  isComplete(id: number): boolean {
    return generatedTokens(this.executor.transcript(asRequestId(id))) === this.outputTokens.get(id);
  }

  finish(ids: readonly number[]) {
    for (const id of ids)
      this.executor.endRequest(asRequestId(id), generatedTokens(this.executor.transcript(asRequestId(id))));
    const check = verifyTokens(this.executor.ended(), { backend, shape: tinyShape, seed });
    this.executor.close();
    return check;
  }
}

/** Ends the requests and expects the token check to accept every token of their output. */
export function expectSound(driver: Driver, ids: readonly number[]): void {
  const expected = ids.reduce((sum, id) => sum + driver.outputTokens.get(id)!, 0);
  const check = driver.finish(ids);
  expect(check.failures.map(describeFailure)).toEqual([]);
  expect(check.verifiedTokens).toBe(expected);
}

export const all = allLayers(tinyShape);
export const front: LayerRange = { first: 0, count: 2 };
export const back: LayerRange = { first: 2, count: 2 };
export const pipeline: readonly StageOf[] = [
  { instance: 0, layers: front },
  { instance: 1, layers: back },
];

export function whole(instance: number) {
  return [{ instance, layers: allLayers(tinyShape) }];
}
