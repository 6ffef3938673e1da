import { calibrate } from '../calibration/calibrate.ts';
import { ProfileCache } from '../calibration/profile-cache.ts';
import { currentHost } from '../backend/host.ts';
import { loadBackend } from '../backend/load.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { runCluster } from '../core/run.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { dimensionsOf, type StageProfile } from '../domain/stage-profile.ts';
import { ProfiledCost } from '../executors/profiled-cost.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import { CellRecorder } from '../metrics/recorder.ts';
import { nullSinks } from '../metrics/sinks.ts';
import { must } from '../base/assert.ts';
import { runOptionsOf } from './cell.ts';
import type { CellGuard } from './cell-job.ts';
import { createStack } from './create-stack.ts';
import { plannedWorkload } from './planned-workload.ts';
import type { RunClock } from './run-clock.ts';

export interface ClockRequest {
  readonly config: ResolvedConfig;
  /** Calibrates even where a profile of this device is kept. */
  readonly isFresh: boolean;
}

/** Returns the clock of a measured run; calibrates the device first unless that has been done. */
export async function makeClock(
  { config, isFresh }: ClockRequest,
  guard: CellGuard,
  onProgress: (done: number, planned: number) => void,
): Promise<RunClock> {
  const profile = await profileOf(config, isFresh, onProgress);
  const { clock: kind } = config.execution;
  return { kind, profile, scale: kind === 'device' ? 1 : await referenceScale(config, profile, guard) };
}

/** Returns the profile of this device for the model, from the cache or from a calibration, which fills the cache. */
export async function profileOf(
  { model, engine, execution }: Pick<ResolvedConfig, 'model' | 'engine' | 'execution'>,
  isFresh: boolean,
  onProgress: (done: number, planned: number) => void,
): Promise<StageProfile> {
  const { blockSizeTokens } = engine;
  const backend = await loadBackend({ numThreads: execution.threads });
  const cache = new ProfileCache(currentHost().cacheFolder);
  const kept = await cache.find({
    model: dimensionsOf(model),
    blockSizeTokens,
    device: backend.device.name,
    tensorflow: backend.tensorflowVersion,
    threads: backend.numThreads,
  });
  if (kept !== undefined && !isFresh) return kept;
  const profile = calibrate({ backend, model, blockSizeTokens, onProgress });
  await cache.keep(profile);
  return profile;
}

/**
 * Returns by how much the described device differs from this one: what the steps of the baseline take there over what the
 * same steps take here, both as calibrated, in a simulation of the first seed. One number: how the device's cost grows
 * with batch and context stays its own.
 */
export async function referenceScale(
  config: ResolvedConfig,
  profile: StageProfile,
  guard: CellGuard,
): Promise<number> {
  const seed = must(config.seeds[0], 'seed');
  const { classes, baseline: stackName } = config;
  const { workload } = await plannedWorkload(config, seed);
  const executor = new ComparingExecutor(config, new ProfiledCost(profile));
  runCluster({
    ...runOptionsOf(config, seed),
    workload,
    stack: await createStack({ config, stackName, seed }, workload, guard),
    executor,
    observer: new CellRecorder({ classes, openSink: nullSinks, maxTraceEvents: 0 }),
    onProgress: () => guard.advance(),
  });
  return executor.referenceUs / executor.deviceUs;
}

/** Simulates the described device, and adds up what the same stages take on this one. */
class ComparingExecutor extends SimulatedExecutor {
  referenceUs = 0;
  deviceUs = 0;
  readonly #device: ProfiledCost;

  constructor({ model }: ResolvedConfig, device: ProfiledCost) {
    super(model);
    this.#device = device;
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    const referenceUs = super.runStage(batch, stage);
    this.#add(referenceUs, this.#device.stageUs(batch, stage));
    return referenceUs;
  }

  override attentionUs(batch: MicroBatch, stage: Stage, remote: RemoteAttention): number {
    const referenceUs = super.attentionUs(batch, stage, remote);
    this.#add(referenceUs, this.#device.attentionUs(remote));
    return referenceUs;
  }

  #add(referenceUs: number, deviceUs: number): void {
    this.referenceUs += referenceUs;
    this.deviceUs += deviceUs;
  }
}
