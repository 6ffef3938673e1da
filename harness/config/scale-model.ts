import type { WorkloadSource } from '../../workloads/index.ts';
import { mean } from '../base/stats.ts';
import { usPerSecond } from '../base/units.ts';
import { coldStartUs } from '../domain/cold-start.ts';
import { modelWeightBytes } from '../domain/model-shape.ts';
import { costOfCounts, type StageCounts } from '../domain/stage-profile.ts';
import type { Workload } from '../domain/workload.ts';
import { RooflineCost } from '../executors/roofline-cost.ts';
import type { Manifest } from '../metrics/results.ts';
import { groupCapacity, type MemoryPlan, memoryPlanOf } from './capacity.ts';
import type { ResolvedConfig } from './resolved.ts';
import { measureLoad } from './workload-load.ts';
import type { WorkloadLoad } from './workload-load.ts';

/**
 * One dimensionless ratio of a run and the paper's value of it; null where it is undefined or not published.
 */
type ScaleModelRow = Manifest['scale_model'][number];

interface Scale {
  readonly plan: MemoryPlan;
  /** Requests that an instance runs at a time. */
  readonly maxRunning: number;
  readonly load: WorkloadLoad;
  readonly burstS: number | undefined;
}

interface Ratio {
  readonly key: string;
  readonly label: string;
  readonly reference: number | null;
  readonly source: string;
  readonly value: (scale: Scale) => number | undefined;
}

/**
 * As in a wind tunnel, results on a small model carry over to a large one only if the dimensionless ratios
 * agree. The references are KunServe's (EuroSys '26, Qwen-2.5-14B on A800-80GB), or follow from its figures.
 */
const ratios: readonly Ratio[] = [
  {
    key: 'weight_share',
    label: 'weights / device memory',
    reference: 0.344,
    source: 'KunServe table 1: Qwen-2.5-14B on 80 GB',
    value: ({ plan: { model, hardware, stagesPerGroup } }) =>
      modelWeightBytes(model) / (hardware.memoryBytes * stagesPerGroup),
  },
  {
    key: 'requests_in_kv_memory',
    label: 'mean requests that fit in the KV memory of one group',
    reference: 269,
    source: 'KunServe sections 2 and 5: 243,000 tokens of KV, BurstGPT requests of 642 + 262 tokens',
    value: ({ plan, load }) => over(groupCapacity(plan).kvTokens, load.meanTokens),
  },
  {
    key: 'exchange_over_step',
    label: 'KV exchange of a merge / decode step, both with full KV memory (cost model)',
    reference: 21.7,
    source: 'KunServe section 5, ablation: 1.3 s of exchange, 60 ms a decode step',
    value: (scale) => over(exchangeUs(scale.plan), decodeStepUs(scale)),
  },
  {
    key: 'cold_start_over_burst',
    label: 'cold start / burst length',
    reference: null,
    source:
      'no single figure: 15 to 60 s of model load (Chiron) over on-periods of 16.7 s (Azure code 2023) give 0.9 to 3.6',
    value: ({ plan, burstS }) => over(coldStartUs(plan.model, plan.hardware) / usPerSecond, burstS),
  },
  {
    key: 'peak_over_mean',
    label: 'peak / mean arrival rate (peak over one burst length, else a twentieth of the run)',
    reference: 2,
    source: 'KunServe section 2: the BurstGPT slice bursts to about twice its rate',
    value: ({ load }) => load.peakOverMean,
  },
  {
    key: 'prompt_over_output',
    label: 'mean prompt / mean output length',
    reference: 2.45,
    source: 'KunServe section 5: BurstGPT, 642 / 262 tokens',
    value: ({ load }) => load.promptOverOutput,
  },
];

/** Computes the ratios of a configuration with the requests of one of its seeds. */
export function scaleModel(config: ResolvedConfig, workload: Workload): ScaleModelRow[] {
  const burstS = mean(config.workload.flatMap(burstLengthS));
  const { maxRunning } = config.engine;
  const scale = { plan: memoryPlanOf(config), maxRunning, burstS, load: measureLoad(workload, burstS) };
  return ratios.map(({ key, label, reference, source, value }) => {
    return { key, label, value: value(scale) ?? null, reference, source };
  });
}

function burstLengthS(source: WorkloadSource): readonly number[] {
  if (source.kind !== 'burst') return [];
  return [source.bursts.pattern === 'markov' ? source.bursts.meanBurstS : source.bursts.durationS];
}

/**
 * Returns the time in microseconds of the KV exchange when two equal groups merge: each member sends the half
 * of its KV that belongs to the layers it gives up.
 */
function exchangeUs(plan: MemoryPlan): number {
  const { network } = plan.hardware;
  const { kvBytes } = groupCapacity(plan);
  return network.latencyUs + (kvBytes / 2 / network.bytesPerSecond) * usPerSecond;
}

/**
 * Returns the time in microseconds, by the cost model, of a step that decodes one token for each request that
 * fits, in one stage of the group. Undefined for an empty workload.
 */
function decodeStepUs({ plan, maxRunning, load: { meanTokens } }: Scale): number | undefined {
  const { model, hardware, stagesPerGroup } = plan;
  const fitting = over(groupCapacity(plan).kvTokens, meanTokens);
  if (fitting === undefined || meanTokens === undefined) return undefined;
  const size = Math.min(maxRunning, fitting);
  const contextTokens = size * meanTokens;
  const numLayers = Math.ceil(model.numLayers / stagesPerGroup);
  if (hardware.profile !== undefined) {
    const counts = decodeCounts({ size, contextTokens, numLayers });
    return costOfCounts(hardware.profile.costsUs, counts);
  }
  const step = {
    size,
    totalTokens: size,
    attentionPairs: contextTokens,
    contextTokens,
    decodeContextTokens: contextTokens,
  };
  const layers = { first: 0, count: numLayers };
  return new RooflineCost(model, hardware).stepUs(step, { layers, isLast: true });
}

/** How often each term of a profile occurs in a step that decodes a token for each request, in one group without padding. */
function decodeCounts(step: {
  readonly size: number;
  readonly contextTokens: number;
  readonly numLayers: number;
}): StageCounts {
  const { size, contextTokens, numLayers } = step;
  return {
    stage: 1,
    entry: size,
    token: size,
    pair: contextTokens,
    head: 1,
    sample: size,
    layer: numLayers,
    layerToken: numLayers * size,
    layerGroup: numLayers,
    layerPrompt: 0,
    layerPromptGroup: 0,
    layerGathered: numLayers * contextTokens,
    layerPair: numLayers * contextTokens,
  };
}

function over(numerator: number, denominator: number | undefined): number | undefined {
  return denominator === undefined || denominator === 0 ? undefined : numerator / denominator;
}
