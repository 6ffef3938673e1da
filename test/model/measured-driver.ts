import type { LayerRange } from '../../harness/core/model-shape.ts';
import type { InstanceId } from '../../harness/core/executor.ts';
import { MeasuredExecutor } from '../../harness/executors/measured.ts';
import { generatedTokens } from '../../harness/executors/measured-requests.ts';
import { verifyTokens } from '../../harness/executors/verify.ts';
import { allLayers, backend, microBatch, requestSpec, tinyShape } from './support.ts';

export const seed = 5;
export const blockSizeTokens = 4;
const cellsPerInstance = 400;

/** Plays the core: schedules by hand and keeps count of what has been computed. */
export class Driver {
  readonly executor = new MeasuredExecutor({ backend, shape: tinyShape, seed, blockSizeTokens });
  readonly outputTokens = new Map<number, number>();
  readonly computed = new Map<number, number>();
  #numBatches = 0;

  start(instance: InstanceId, layers: LayerRange = allLayers(tinyShape)): void {
    this.executor.startInstance(instance, layers, cellsPerInstance);
  }

  admit(id: number, promptTokens: number, outputTokens: number): void {
    this.executor.admitRequest(requestSpec(id, promptTokens, outputTokens));
    this.outputTokens.set(id, outputTokens);
    this.computed.set(id, 0);
  }

  /** One step of some requests through the stages, at most `chunk` new tokens each. Returns microseconds by stage. */
  step(
    ids: readonly number[],
    stages: readonly { instance: InstanceId; layers: LayerRange }[],
    chunk = 1000,
  ): number[] {
    const entries = ids.map((requestId) => {
      const pastTokens = this.computed.get(requestId)!;
      const known = this.executor.transcript(requestId).numTokens;
      const numTokens = Math.min(chunk, known - pastTokens);
      this.computed.set(requestId, pastTokens + numTokens);
      return { requestId, numTokens, pastTokens, samples: pastTokens + numTokens === known };
    });
    const batch = microBatch(this.#numBatches++, entries);
    return stages.map((stage, stageIndex) =>
      this.executor.runStage(batch, {
        ...stage,
        stageIndex,
        isFirst: stageIndex === 0,
        isLast: stageIndex === stages.length - 1,
      }),
    );
  }

  /** Steps the requests until all have their output, or `limit` steps. */
  run(
    ids: readonly number[],
    stages: readonly { instance: InstanceId; layers: LayerRange }[],
    limit = Infinity,
  ): void {
    for (let step = 0; step < limit; step += 1) {
      const open = ids.filter((id) => !this.isComplete(id));
      if (open.length === 0) return;
      this.step(open, stages);
    }
  }

  isComplete(id: number): boolean {
    return generatedTokens(this.executor.transcript(id)) === this.outputTokens.get(id);
  }

  finish(ids: readonly number[]) {
    for (const id of ids) this.executor.endRequest(id, generatedTokens(this.executor.transcript(id)));
    const check = verifyTokens(this.executor.ended(), { backend, shape: tinyShape, seed });
    this.executor.close();
    return check;
  }
}

export function whole(instance: InstanceId) {
  return [{ instance, layers: allLayers(tinyShape) }];
}
