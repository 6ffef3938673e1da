import type { Hardware } from '../domain/hardware.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { MemorylessExecutor } from './memoryless.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { ownAttention } from '../core/kv/remote-attention.ts';
import { StepCost } from './step-cost.ts';

/** Charges each stage the time given by the cost model. It holds no weights or KV. */
export class SimulatedExecutor extends MemorylessExecutor {
  readonly #cost: StepCost;

  constructor(model: ModelShape, hardware: Hardware) {
    super();
    this.#cost = new StepCost(model, hardware);
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    if (batch.remote.length === 0) return this.#cost.stageUs(batch, stage);
    const { size, totalTokens } = batch;
    return this.#cost.stageUs({ size, totalTokens, ...ownAttention(batch, stage) }, stage);
  }

  override attentionUs(_batch: MicroBatch, _stage: Stage, remote: RemoteAttention): number {
    return this.#cost.attentionUs(remote);
  }
}
