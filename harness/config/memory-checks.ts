import type { WorkloadSource } from '../../workloads/index.ts';
import { formatBytes } from '../base/units.ts';
import { groupCapacity, type MemoryPlan, memoryPlanOf } from './capacity.ts';
import { type Draft, type Finding, sourcePath } from './draft.ts';
import { longestRequestTokens } from './longest-request.ts';

/**
 * Survivors of a static pipeline continue as instances that each hold the whole model, so the model must fit
 * on one.
 */
export function checkSurvivors({ model, cluster, config }: Draft): readonly Finding[] {
  if (model === undefined || cluster === undefined || config.engine === undefined) return [];
  if (cluster.faults.length === 0 || cluster.stagesPerGroup === 1) return [];
  const alone = { ...memoryPlanOf({ model, cluster, engine: config.engine }), stagesPerGroup: 1 };
  if (groupCapacity(alone).kvTokens > 0) return [];
  const { name } = alone.hardware;
  return [
    {
      path: ['cluster', 'faults'],
      message: `survivors of a group serve alone, and ${model.name} does not fit one ${name}`,
      hint: 'take hardware that holds the whole model, or no faults',
    },
  ];
}

interface SourcedPlan extends MemoryPlan {
  readonly config: Draft['config'];
}

/** The model must fit the device, and every request the memory that is left for KV. */
export function checkMemory({ model, cluster, config, sources }: Draft): readonly Finding[] {
  if (model === undefined || cluster === undefined || config.engine === undefined) return [];
  const plan = { config, ...memoryPlanOf({ model, cluster, engine: config.engine }) };
  const unfit = checkWeights(plan);
  return unfit ? [unfit] : (sources ?? []).flatMap((source, index) => checkLongest(source, index, plan));
}

function checkWeights(plan: MemoryPlan): Finding | undefined {
  const { weightBytes, kvTokens } = groupCapacity(plan);
  if (kvTokens > 0) return undefined;
  const { memoryBytes, reserveBytes, name } = plan.hardware;
  return {
    path: ['model'],
    message:
      `${plan.model.name} does not fit ${name}: ${formatBytes(weightBytes)} of weights and ` +
      `${formatBytes(reserveBytes)} of reserve leave no KV memory of ${formatBytes(memoryBytes)}`,
    hint: 'take larger hardware, a smaller model or more cluster.stagesPerGroup',
  };
}

function checkLongest(source: WorkloadSource, index: number, plan: SourcedPlan): readonly Finding[] {
  const longest = longestRequestTokens(source);
  const { kvTokens } = groupCapacity(plan);
  if (longest === undefined || longest <= kvTokens) return [];
  const bound =
    source.kind === 'chain-of-thought' ? 'max, outputLimitTokens or followUps.maxContextTokens' : 'max';
  return [
    {
      path: sourcePath(plan.config, index),
      message:
        `the longest request has ${longest} tokens, and ${plan.model.name} on ${plan.hardware.name} ` +
        `keeps KV of ${kvTokens}`,
      hint: `bound the lengths (${bound}), or take larger hardware`,
    },
  ];
}
