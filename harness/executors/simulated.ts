import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { ownAttention } from '../core/kv/remote-attention.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { LayerRange, ModelShape } from '../domain/model-shape.ts';
import { MemorylessExecutor } from './memoryless.ts';
import { StepCost } from './step-cost.ts';

/** Charges each stage the time that the cost model gives for its instance's hardware. It holds no weights or KV. */
export class SimulatedExecutor extends MemorylessExecutor {
  readonly #model: ModelShape;
  /** Instances on the same hardware share a cost model. */
  readonly #costOfKind = new Map<Hardware, StepCost>();
  /** Cost models by instance id, from the start of each instance. */
  readonly #costs: StepCost[] = [];

  constructor(model: ModelShape) {
    super();
    this.#model = model;
  }

  override startInstance(
    instanceId: InstanceId,
    _layers: LayerRange,
    _numCells: number,
    hardware: Hardware,
  ): void {
    const cost = this.#costOfKind.get(hardware) ?? new StepCost(this.#model, hardware);
    this.#costOfKind.set(hardware, cost);
    this.#costs[instanceId] = cost;
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    const cost = this.#costs[stage.instanceId] as StepCost;
    if (batch.remote.length === 0) return cost.stageUs(batch, stage);
    const { size, totalTokens } = batch;
    return cost.stageUs({ size, totalTokens, ...ownAttention(batch, stage) }, stage);
  }

  override attentionUs(_batch: MicroBatch, _stage: Stage, remote: RemoteAttention): number {
    return (this.#costs[remote.ownerId] as StepCost).attentionUs(remote);
  }
}
