import { InputError, type InputIssue } from '../harness/base/errors.ts';
import { createRng } from '../harness/base/rng.ts';
import type { RequestClass, Workload } from '../harness/domain/workload.ts';
import { suggest } from '../harness/base/suggest.ts';
import { mergeSources, type PlannedSource } from './merge.ts';
import type { WorkloadSource } from './source-schema.ts';
import { planChainOfThought } from './sources/chain-of-thought.ts';
import { planClosedLoop } from './sources/closed-loop.ts';
import { planOpenLoop } from './sources/open-loop.ts';
import type { PlanContext } from './sources/plan.ts';
import { planTrace } from './sources/trace.ts';
import type { TraceReport } from './traces/report.ts';

export interface WorkloadRequest {
  readonly sources: readonly WorkloadSource[];
  /** Classes that the sources may refer to. */
  readonly classes: readonly RequestClass[];
  readonly seed: number;
  /** Folder to which the paths of traces are relative. */
  readonly baseDir: string;
}

export interface BuiltWorkload {
  readonly workload: Workload;
  /** One report per trace source: the file, and the rows that were skipped or changed. */
  readonly traces: readonly TraceReport[];
  /** Sentences for the user about unusable rows, cut requests and sources without requests. */
  readonly warnings: readonly string[];
}

/**
 * Plans every request of a run. The same arguments and files always give the same requests. Adding or
 * changing a source does not change the requests of the sources before it: the random streams of each are
 * `workload/<index>/<purpose>`. Throws `InputError` for an unknown class, an unusable trace, or if no request
 * at all would arrive.
 */
export async function buildWorkload(request: WorkloadRequest): Promise<BuiltWorkload> {
  const { sources, classes, seed, baseDir } = request;
  checkClasses(sources, classes);
  const planned: PlannedSource[] = [];
  const traces: TraceReport[] = [];
  const warnings: string[] = [];
  for (const [index, source] of sources.entries()) {
    const context: PlanContext = {
      path: `workload.${index}`,
      baseDir,
      stream: (what) => createRng(seed, `workload/${index}/${what}`),
    };
    const { plans, trace } = await planSource(source, context);
    planned.push(...plans);
    if (trace !== undefined) {
      traces.push(trace.report);
      warnings.push(...trace.warnings);
    }
    if (plans.every(({ table }) => table.numRequests === 0)) {
      warnings.push(`${context.path} (${source.kind}) plans no request`);
    }
  }
  const workload = mergeSources(planned, classes);
  if (workload.numRequests === 0) {
    throw new InputError({
      source: 'configuration',
      path: 'workload',
      message: 'no request would arrive',
      hint: 'raise a rate, durationS or numRequests',
    });
  }
  return { workload, traces, warnings };
}

interface SourcePlan {
  /** One plan per request class. */
  readonly plans: readonly PlannedSource[];
  readonly trace?: { readonly report: TraceReport; readonly warnings: readonly string[] };
}

async function planSource(source: WorkloadSource, context: PlanContext): Promise<SourcePlan> {
  switch (source.kind) {
    case 'burst':
    case 'gamma':
    case 'poisson':
    case 'ramp':
    case 'weibull':
      return { plans: planOpenLoop(source, context) };
    case 'chain-of-thought':
      return { plans: [planChainOfThought(source, context)] };
    case 'closed-loop':
      return { plans: [planClosedLoop(source, context)] };
    case 'trace': {
      const { trace, ...plan } = await planTrace(source, context);
      return { plans: [plan], trace };
    }
  }
}

function checkClasses(sources: readonly WorkloadSource[], classes: readonly RequestClass[]): void {
  const names = classes.map(({ name }) => name);
  const issues = sources.flatMap((source, index): InputIssue[] =>
    classesOf(source)
      .filter(({ name }) => !names.includes(name))
      .map(({ path, name }) => ({
        source: 'configuration',
        path: ['workload', index, ...path].join('.'),
        message: `unknown class "${name}"`,
        hint: suggest(name, names),
      })),
  );
  if (issues.length > 0) throw new InputError(issues);
}

/** Returns the classes that a source names, each with the path of its name inside of the source. */
export function classesOf(
  source: WorkloadSource,
): readonly { readonly path: readonly string[]; readonly name: string }[] {
  const others = 'otherClasses' in source ? Object.keys(source.otherClasses) : [];
  return [
    { path: ['class'], name: source.class },
    ...others.map((name) => ({ path: ['otherClasses', name], name })),
  ];
}
