import type { Rng } from '../base/rng.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { InstanceId } from '../domain/ids.ts';
import type { LayerRange, ModelShape } from '../domain/model-shape.ts';
import { MemorylessExecutor } from './memoryless.ts';
import { costModelOf } from './cost-model.ts';
import type { StageCost } from './stage-cost.ts';

/**
 * Charges each stage the time that the cost model gives for its instance's hardware, with chance as on a machine where that is
 * asked for. It holds no weights or KV.
 */
export class SimulatedExecutor extends MemorylessExecutor {
  readonly #model: ModelShape;
  readonly #chance: Rng | undefined;
  /** Instances on the same hardware share a cost model. */
  readonly #costOfKind = new Map<Hardware, StageCost>();
  /** Cost models by instance id, from the start of each instance. */
  readonly #costs: StageCost[] = [];

  /** With `chance`, stages on calibrated hardware spread around their cost as they did in its calibration. */
  constructor(model: ModelShape, chance?: Rng) {
    super();
    this.#model = model;
    this.#chance = chance;
  }

  override startInstance(
    instanceId: InstanceId,
    _layers: LayerRange,
    _numCells: number,
    hardware: Hardware,
  ): void {
    const cost = this.#costOfKind.get(hardware) ?? costModelOf(this.#model, hardware, this.#chance);
    this.#costOfKind.set(hardware, cost);
    this.#costs[instanceId] = cost;
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    return (this.#costs[stage.instanceId] as StageCost).stageUs(batch, stage);
  }

  override attentionUs(_batch: MicroBatch, _stage: Stage, remote: RemoteAttention): number {
    return (this.#costs[remote.ownerId] as StageCost).attentionUs(remote);
  }
}
