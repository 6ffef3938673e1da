import type { Hardware } from '../core/hardware.ts';
import type { ModelShape } from '../core/model-shape.ts';
import { MemorylessExecutor } from './memoryless.ts';
import type { MicroBatch, Stage } from '../core/executor.ts';
import { StepCost } from './step-cost.ts';

/** Charges each stage what the cost model says; holds nothing. */
export class SimulatedExecutor extends MemorylessExecutor {
  readonly #cost: StepCost;

  constructor(model: ModelShape, hardware: Hardware) {
    super();
    this.#cost = new StepCost(model, hardware);
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    return this.#cost.stageUs(batch, stage);
  }
}
