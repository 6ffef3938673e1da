import { basename, extname, resolve } from 'node:path';
import type { WorkloadSource } from '../../workloads/index.ts';
import { msToUs, secondsToUs } from '../base/units.ts';
import type { RequestClass, SloTarget } from '../domain/workload.ts';
import type { SteadyWindow } from '../metrics/steady-window.ts';
import type { ExecutionSpec, FaultSpec } from './resolved.ts';
import type { Config } from './schema.ts';

/** Class of sources that name no class. */
const defaultClass = 'default';

export function normalizeSources(workload: Config['workload']): readonly WorkloadSource[] {
  return Array.isArray(workload) ? workload : [workload];
}

/**
 * Returns the declared classes, plus `default` if a source uses it without a declaration. A class without
 * targets gets the common ones.
 */
export function normalizeClasses(
  { classes, slo }: Pick<Config, 'classes' | 'slo'>,
  sources: readonly WorkloadSource[],
): readonly RequestClass[] {
  const declared = classes.map(({ name, priority, slo: own }) => ({
    name,
    priority,
    slo: toTarget(own ?? slo),
  }));
  const needsDefault =
    sources.some((source) => source.class === defaultClass) &&
    !declared.some(({ name }) => name === defaultClass);
  return needsDefault ? [...declared, { name: defaultClass, priority: 0, slo: toTarget(slo) }] : declared;
}

export function normalizeExecution(execution: Config['execution'], baseDir: string): ExecutionSpec {
  return {
    mode: execution.mode,
    clock: execution.clock,
    seedsSimulated: execution.seedsSimulated,
    threads: execution.threads,
    replayDir: execution.replayDir === undefined ? undefined : resolve(baseDir, execution.replayDir),
    verifyTokens: execution.verifyTokens,
    sampleIntervalUs: msToUs(execution.sampleIntervalMs),
    maxDurationUs: secondsToUs(execution.maxDurationS),
    policyTimeoutMs: execution.policyTimeoutMs,
  };
}

export function normalizeFaults(faults: Config['cluster']['faults']): readonly FaultSpec[] {
  return faults.map(({ instance, atS }) => ({ instance, atUs: secondsToUs(atS) }));
}

export function normalizeWindow({ startS, endS }: NonNullable<Config['steadyWindow']>): SteadyWindow {
  return { startUs: secondsToUs(startS), endUs: secondsToUs(endS) };
}

export function seedsOf({ seed, repeats }: Pick<Config, 'seed' | 'repeats'>): readonly number[] {
  return Array.from({ length: repeats }, (_, index) => seed + index);
}

/** Derives the name of a run from its file's name, restricted to the characters that a name may contain. */
export function nameOfFile(file: string): string {
  const name = basename(file, extname(file)).replaceAll(/[^A-Za-z0-9_-]/g, '-');
  return name.replace(/^[^A-Za-z0-9]+/, '') || 'run';
}

function toTarget({ ttftMs, tpotMs }: Config['slo']): SloTarget {
  return {
    ...(ttftMs !== undefined && { ttftUs: msToUs(ttftMs) }),
    ...(tpotMs !== undefined && { tpotUs: msToUs(tpotMs) }),
  };
}
