import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { classesOf, type WorkloadSource } from '../../workloads/index.ts';
import type { InputIssue } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { RequestClass } from '../domain/workload.ts';
import { groupCapacity, memoryPlanOf } from './capacity.ts';
import type { MemoryPlan } from './capacity.ts';
import type { Path } from './document.ts';
import { longestRequestTokens } from './longest-request.ts';
import type { IssueDetails, Origin } from './origin.ts';
import type { ClusterSpec } from './resolved.ts';
import type { Config } from './schema.ts';
import { suggest } from '../base/suggest.ts';
import { parseThreshold } from './thresholds.ts';

/** A contradiction between parts of a configuration that are each well-formed. */
type Finding = IssueDetails & { readonly path: Path };

/** The parts of a configuration that are valid in themselves; an invalid part is undefined or left out. */
export interface Draft {
  readonly config: Partial<Config>;
  readonly baseDir: string;
  readonly model: ModelShape | undefined;
  readonly cluster: ClusterSpec | undefined;
  readonly sources: readonly WorkloadSource[] | undefined;
  readonly classes: readonly RequestClass[] | undefined;
  /** Names of the stacks of the file and of `--policy`, including stacks with mistakes. */
  readonly stackNames: readonly string[];
}

/** Runs all checks that need more than one section of the configuration. */
export function crossCheck(draft: Draft, origin: Origin): readonly InputIssue[] {
  return checks.flatMap((check) => check(draft)).map(({ path, ...details }) => origin.issue(path, details));
}

const checks: readonly ((draft: Draft) => readonly Finding[])[] = [
  checkPipeline,
  checkBudget,
  checkFaults,
  checkSurvivors,
  checkMemory,
  checkMeasurable,
  checkReplay,
  checkClassNames,
  checkClassUse,
  checkTraceFiles,
  checkStackNames,
  checkThresholds,
];

function checkPipeline({ model, cluster }: Draft): readonly Finding[] {
  if (cluster === undefined) return [];
  const { numInstances, stagesPerGroup } = cluster;
  const path = ['cluster', 'stagesPerGroup'];
  if (numInstances % stagesPerGroup !== 0) {
    const message = `${numInstances} instances cannot form groups of ${stagesPerGroup}; expected a divisor`;
    return [{ path, message }];
  }
  if (model === undefined || stagesPerGroup <= model.numLayers) return [];
  return [
    { path, message: `${stagesPerGroup} stages cannot share the ${model.numLayers} layers of ${model.name}` },
  ];
}

function checkBudget({ cluster }: Draft): readonly Finding[] {
  if (cluster === undefined || cluster.maxInstances >= cluster.numInstances) return [];
  const { numInstances, maxInstances } = cluster;
  const message = `${maxInstances} instances at most, and ${numInstances} at the start; expected ${numInstances} or more`;
  return [{ path: ['cluster', 'maxInstances'], message }];
}

function checkFaults({ config: { cluster } }: Draft): readonly Finding[] {
  if (cluster === undefined) return [];
  const { instances, faults } = cluster;
  const failing = faults.map(({ instance }) => instance);
  const findings = failing.flatMap((instance, index): readonly Finding[] => {
    const path = ['cluster', 'faults', index, 'instance'];
    if (instance >= instances) {
      return [{ path, message: `there is no instance ${instance}; expected 0 to ${instances - 1}` }];
    }
    if (failing.indexOf(instance) === index) return [];
    return [{ path, message: `instance ${instance} fails twice; expected each at most once` }];
  });
  if (findings.length > 0 || failing.length < instances) return findings;
  const message = `all of the ${instances} instances fail; expected at least one to survive`;
  return [{ path: ['cluster', 'faults'], message }];
}

/**
 * Survivors of a static pipeline continue as instances that each hold the whole model, so the model must fit
 * on one.
 */
function checkSurvivors({ model, cluster, config }: Draft): readonly Finding[] {
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

function checkMemory({ model, cluster, config, sources }: Draft): readonly Finding[] {
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

function checkMeasurable({ model, config }: Draft): readonly Finding[] {
  const isMeasured = config.execution?.mode === 'measure';
  if (!isMeasured || model === undefined) return [];
  if (model.bytesPerWeight === 4 && model.bytesPerKvElement === 4) return [];
  return [
    {
      path: ['model'],
      message: `TensorFlow runs float32 here, and ${model.name} has ${model.bytesPerWeight} bytes a weight`,
      hint: 'set bytesPerWeight: 4, or execution.mode: simulate',
    },
  ];
}

const relativeHint = 'paths are relative to the configuration file';

function checkReplay({ config: { execution }, baseDir }: Draft): readonly Finding[] {
  if (execution?.mode !== 'replay') return [];
  if (execution.replayDir === undefined) {
    const message = 'replay needs execution.replayDir, the results folder of a measured run';
    return [{ path: ['execution', 'mode'], message }];
  }
  if (existsSync(resolve(baseDir, execution.replayDir))) return [];
  const message = `there is no folder "${execution.replayDir}"`;
  return [{ path: ['execution', 'replayDir'], message, hint: relativeHint }];
}

function checkClassNames({ config }: Draft): readonly Finding[] {
  const names = (config.classes ?? []).map(({ name }) => name);
  return names.flatMap((name, index): readonly Finding[] => {
    if (names.indexOf(name) === index) return [];
    return [{ path: ['classes', index, 'name'], message: `the class "${name}" is declared twice` }];
  });
}

function checkClassUse({ config, sources, classes }: Draft): readonly Finding[] {
  if (sources === undefined || classes === undefined) return [];
  const names = classes.map(({ name }) => name);
  return sources.flatMap((source, index): readonly Finding[] =>
    classesOf(source)
      .filter(({ name }) => !names.includes(name))
      .map(({ path, name }) => ({
        path: [...sourcePath(config, index), ...path],
        message: `the class "${name}" is not declared in classes`,
        hint: suggest(name, names),
      })),
  );
}

function checkTraceFiles({ config, sources, baseDir }: Draft): readonly Finding[] {
  return (sources ?? []).flatMap((source, index): readonly Finding[] => {
    if (source.kind !== 'trace' || existsSync(resolve(baseDir, source.path))) return [];
    const message = `there is no trace "${source.path}"`;
    return [{ path: [...sourcePath(config, index), 'path'], message, hint: relativeHint }];
  });
}

function checkStackNames({ config, stackNames }: Draft): readonly Finding[] {
  if (config.policies === undefined) return [];
  if (stackNames.length === 0) {
    return [
      { path: ['policies'], message: 'there is no policy to run', hint: 'name a stack, or give --policy' },
    ];
  }
  const { baseline } = config;
  if (baseline === undefined || stackNames.includes(baseline)) return [];
  return [
    {
      path: ['baseline'],
      message: `there is no policy stack "${baseline}"`,
      hint: suggest(baseline, stackNames),
    },
  ];
}

function checkThresholds({ config, stackNames }: Draft): readonly Finding[] {
  return (config.thresholds ?? []).flatMap((text, index): readonly Finding[] => {
    const parsed = parseThreshold(text, stackNames);
    return parsed.ok ? [] : [{ path: ['thresholds', index], ...parsed.problem }];
  });
}

/** Path of a workload source: a single source may be written without a list. */
function sourcePath({ workload }: Draft['config'], index: number): Path {
  return Array.isArray(workload) ? ['workload', index] : ['workload'];
}
