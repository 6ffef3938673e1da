import type { Rng } from '../../../harness/base/rng.ts';
import type { MicroBatch, Stage } from '../../../harness/core/executor.ts';
import type { ComputeProfile, Hardware } from '../../../harness/domain/hardware.ts';
import { asInstanceId, type InstanceId } from '../../../harness/domain/ids.ts';
import type { LayerRange, ModelShape } from '../../../harness/domain/model-shape.ts';
import { SimulatedExecutor } from '../../../harness/executors/simulated.ts';
import { costModelOf } from '../../../harness/executors/cost-model.ts';
import { madeBatch } from '../../../harness/executors/made-batch.ts';

/** How a made-up machine differs from the cost model that the simulator has of it. */
export interface Machine {
  /** Factors on the rates and overheads of the cost model. */
  readonly flops: number;
  readonly bandwidth: number;
  readonly attention: number;
  readonly layerOverhead: number;
  /** A term that the cost model does not have: the share by which a step of 16 sequences takes longer, growing with the power 1.5. */
  readonly curvature: number;
  /** Standard deviation of the logarithm of one step's noise, and of that of a whole cell's. */
  readonly stepNoise: number;
  readonly cellNoise: number;
  /** The same of a drift of the speed that forgets within `driftUs` of computing. */
  readonly drift: number;
  readonly driftUs: number;
}

/** A simulated device of which the simulator's cost model knows neither the coefficients nor the noise. */
export class MeasuredLike extends SimulatedExecutor {
  readonly #machine: Machine;
  readonly #rng: Rng;
  readonly #model: ModelShape;
  readonly #hardware = new Map<Hardware, Hardware>();
  #cellFactor: number;
  #drift: number;

  constructor(model: ModelShape, machine: Machine, rng: Rng) {
    super(model);
    this.#model = model;
    this.#machine = machine;
    this.#rng = rng;
    this.#cellFactor = Math.exp(machine.cellNoise * rng.normal());
    this.#drift = machine.drift * rng.normal();
  }

  override startInstance(
    instanceId: InstanceId,
    layers: LayerRange,
    numCells: number,
    hardware: Hardware,
  ): void {
    super.startInstance(instanceId, layers, numCells, this.#real(hardware));
  }

  /** Of all instances, which are of one kind. */
  #real(hardware: Hardware): Hardware {
    const known = this.#hardware.get(hardware);
    if (known !== undefined) return known;
    const real = { ...hardware, compute: realCompute(hardware, this.#machine) };
    this.#hardware.set(hardware, real);
    this.#cellFactor /= slownessOf(this.#model, hardware, this.#machine);
    return real;
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    const us = super.runStage(batch, stage);
    const { stepNoise, drift, driftUs } = this.#machine;
    const kept = Math.exp(-us / driftUs);
    this.#drift = kept * this.#drift + drift * Math.sqrt(1 - kept * kept) * this.#rng.normal();
    const shape = shapeOf(this.#machine, batch.size);
    const noise = Math.exp(this.#drift + stepNoise * this.#rng.normal());
    return Math.max(1, Math.round(us * shape * noise * this.#cellFactor));
  }
}

function realCompute({ compute }: Hardware, machine: Machine): ComputeProfile {
  const { attention } = compute;
  return {
    ...compute,
    flopsPerSecond: compute.flopsPerSecond * machine.flops,
    memoryBytesPerSecond: compute.memoryBytesPerSecond * machine.bandwidth,
    attention: {
      ...attention,
      flopsPerSecond: attention.flopsPerSecond * machine.attention,
      memoryBytesPerSecond: attention.memoryBytesPerSecond * machine.attention,
    },
    layerOverheadUs: compute.layerOverheadUs * machine.layerOverhead,
  };
}

/** Batches of a standard mix: entries, new tokens of each, tokens before them. */
const standardMix = [
  { size: 1, tokens: 1, past: 100 },
  { size: 4, tokens: 1, past: 100 },
  { size: 12, tokens: 1, past: 100 },
  { size: 24, tokens: 1, past: 100 },
  { size: 1, tokens: 100, past: 0 },
] as const;

/** How much longer the standard mix takes on the machine than in the cost model, noise apart: a measured run divides by it. */
function slownessOf(model: ModelShape, hardware: Hardware, machine: Machine): number {
  const assumed = costModelOf(model, hardware);
  const real = costModelOf(model, { ...hardware, compute: realCompute(hardware, machine) });
  let assumedUs = 0;
  let realUs = 0;
  for (const { size, tokens, past } of standardMix) {
    const batch = madeBatch(Array.from({ length: size }, () => ({ numTokens: tokens, pastTokens: past })));
    assumedUs += assumed.stageUs(batch, wholeModel(model));
    realUs += real.stageUs(batch, wholeModel(model)) * shapeOf(machine, size);
  }
  return realUs / assumedUs;
}

function wholeModel({ numLayers }: ModelShape): Stage {
  const layers = { first: 0, count: numLayers };
  return { instanceId: asInstanceId(0), stageIndex: 0, layers, isFirst: true, isLast: true };
}

/** What the cost model has no term for. */
function shapeOf({ curvature }: Machine, size: number): number {
  return 1 + curvature * (size / 16) ** 1.5;
}
