import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { classesOf } from '../../workloads/index.ts';
import { maxItems } from '../base/bounds.ts';
import type { InputIssue } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { secondsToUs } from '../base/units.ts';
import { type Draft, type Finding, sourcePath } from './draft.ts';
import { checkMemory, checkSurvivors } from './memory-checks.ts';
import type { Origin } from './origin.ts';
import { parseThreshold } from './parse-threshold.ts';

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
  checkStarts,
  checkSamples,
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

/** A source that begins after the run is cut off would leave nothing but an idle cluster. */
function checkStarts({ config, sources }: Draft): readonly Finding[] {
  const { execution } = config;
  if (execution === undefined || sources === undefined) return [];
  const { maxDurationS } = execution;
  return sources.flatMap(({ startS }, index): readonly Finding[] => {
    if (startS < maxDurationS) return [];
    const message = `the source begins at ${startS} s, and the run is cut off at ${maxDurationS} s`;
    const hint = 'times count from the start of the run; raise execution.maxDurationS for a longer one';
    return [{ path: [...sourcePath(config, index), 'startS'], message, hint }];
  });
}

/** What is told at regular times until the run is cut off must be bounded, since an idle cluster tells it too. */
function checkSamples({ config: { execution }, cluster }: Draft): readonly Finding[] {
  if (execution === undefined || cluster === undefined) return [];
  const { maxDurationS, sampleIntervalMs } = execution;
  const { loadReports, maxInstances } = cluster;
  const numSamples = (maxDurationS * 1000 * Math.max(maxInstances, cluster.numInstances)) / sampleIntervalMs;
  const numReports = loadReports.kind === 'every' ? secondsToUs(maxDurationS) / loadReports.us : 0;
  return [
    ...tooMany(numSamples, 'samples', ['execution', 'sampleIntervalMs']),
    ...tooMany(numReports, 'reports', ['cluster', 'loadReports', 'everyMs']),
  ];
}

function tooMany(count: number, what: string, path: Finding['path']): readonly Finding[] {
  if (count <= maxItems) return [];
  const message = `there would be up to ${count.toPrecision(3)} ${what}; ${maxItems} are possible`;
  return [{ path, message, hint: 'raise it, or lower execution.maxDurationS' }];
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

function checkThresholds({ config, stackNames, classes }: Draft): readonly Finding[] {
  const names = { stacks: stackNames, classes: classes?.map(({ name }) => name) };
  return (config.thresholds ?? []).flatMap((text, index): readonly Finding[] => {
    const parsed = parseThreshold(text, names);
    return parsed.ok ? [] : [{ path: ['thresholds', index], ...parsed.problem }];
  });
}
