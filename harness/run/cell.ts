import { assert, must } from '../base/assert.ts';
import { wallClockUs } from '../base/clock.ts';
import { messageOf, PolicyError } from '../base/errors.ts';
import { createRng } from '../base/rng.ts';
import type { RequestId } from '../domain/ids.ts';
import { runCluster, type RunOptions } from '../core/run.ts';
import type { RequestSpec, Workload } from '../domain/workload.ts';
import { CellRecorder } from '../metrics/recorder.ts';
import type { CellSummary } from '../metrics/results.ts';
import { fileSinks } from '../metrics/sinks.ts';
import type { Limits, Policy } from '../policy/index.ts';
import { PolicyStack, type StackMember } from '../policy/stack.ts';
import type { EngineSpec, ResolvedConfig } from '../config/index.ts';
import type { CallGuard, CellJob, CellOutcome, CellProgress, WallFigures } from './cell-job.ts';
import type { CellExecutor } from './cell-executor.ts';
import { createExecutor } from './create-executor.ts';
import { loadPolicy } from './load-policy.ts';
import { plannedWorkload } from './planned-workload.ts';

export interface CellIo {
  onProgress(progress: CellProgress): void;
  readonly guard: CallGuard;
}

/**
 * Runs one cell from its configuration to its files and summary. Everything random comes from the cell's seed, in
 * streams of their own, so that every stack meets the same requests. Rejects with what went wrong; the folder is then
 * incomplete and the caller's to throw away.
 */
export async function runCell(job: CellJob, io: CellIo): Promise<CellOutcome> {
  const startUs = wallClockUs();
  const { config, seed } = job;
  io.onProgress({ phase: 'prepare', ended: 0, planned: 0, virtualUs: 0 });
  const built = await plannedWorkload(config, seed);
  const stack = await createStack(job, built.workload, io.guard);
  const cellExecutor = await createExecutor(job);
  const recorder = new CellRecorder({
    classes: config.classes,
    window: config.steadyWindow,
    openSink: fileSinks(job.dir),
  });
  try {
    const { wall, ...outcome } = execute(job, io, {
      workload: built.workload,
      stack,
      cellExecutor,
      recorder,
    });
    const wallMs = (wallClockUs() - startUs) / 1000;
    return { ...outcome, wall: { wall_ms: wallMs, ...wall } };
  } finally {
    recorder.close();
    cellExecutor.executor.close();
  }
}

interface CellParts {
  readonly workload: Workload;
  readonly stack: PolicyStack;
  readonly cellExecutor: CellExecutor;
  readonly recorder: CellRecorder;
}

function execute(
  job: CellJob,
  io: CellIo,
  parts: CellParts,
): Omit<CellOutcome, 'wall'> & { wall: Omit<WallFigures, 'wall_ms'> } {
  const { config, seed, id } = job;
  const { workload, stack, cellExecutor, recorder } = parts;
  const startUs = wallClockUs();
  const planned = workload.numRequests;
  const totals = runCluster({
    ...runOptionsOf(config, seed),
    workload,
    stack,
    executor: cellExecutor.executor,
    observer: recorder,
    onProgress: ({ ended, nowUs }) => io.onProgress({ phase: 'run', ended, planned, virtualUs: nowUs }),
  });
  const runUs = wallClockUs() - startUs;
  const executorUs = cellExecutor.executorUs();
  const disturbance = cellExecutor.disturbance();
  io.onProgress({ phase: 'verify', ended: planned, planned, virtualUs: totals.durationUs });
  const verifiedTokens = cellExecutor.verify();
  assert(
    verifiedTokens === null || verifiedTokens === totals.generatedTokens,
    'INV-verified',
    () => `${verifiedTokens} of ${totals.generatedTokens} generated tokens verified`,
  );
  const verifyUs = wallClockUs() - startUs - runUs;
  const summary = recorder.finish({
    id,
    policy: job.stackName,
    seed,
    endedAtUs: totals.durationUs,
    instanceUs: totals.instanceUs,
    verifiedTokens,
    policyStats: stack.stats(),
  });
  return {
    summary,
    wall: {
      step_wall_ms: executorUs / 1000,
      overhead_wall_ms: (runUs - executorUs) / 1000,
      verify_wall_ms: verifyUs / 1000,
    },
    warnings: totals.wasCutOff ? [cutOffWarning(summary, planned, config.steadyWindow !== undefined)] : [],
    disturbance,
  };
}

/** What a configuration and a seed say about a run. */
export function runOptionsOf(
  { model, cluster, engine, execution }: ResolvedConfig,
  seed: number,
): Omit<RunOptions, 'workload' | 'stack' | 'executor' | 'observer'> {
  return {
    model,
    hardware: cluster.hardware,
    numInstances: cluster.numInstances,
    maxInstances: cluster.maxInstances,
    startRng: createRng(seed, 'cold-start'),
    stagesPerGroup: cluster.stagesPerGroup,
    blockSizeTokens: engine.blockSizeTokens,
    engine: engine.rules,
    limits: limitsOf(engine),
    loadReporting: cluster.loadReports,
    sampleIntervalUs: execution.sampleIntervalUs,
    faults: cluster.faults,
    maxDurationUs: execution.maxDurationUs,
    checkEvery: 0,
  };
}

/** What limits the step loop of every group, until a policy changes it. */
function limitsOf({ maxRunning, maxBatchTokens, watermarkRatio }: EngineSpec): Limits {
  return { maxRunning, maxBatchTokens, watermarkRatio, admits: true };
}

function cutOffWarning({ offered, unfinished }: CellSummary, planned: number, hasWindow: boolean): string {
  if (hasWindow)
    return 'cut off at maxDurationS: requests of the window that were still open count as unfinished';
  return (
    `cut off at maxDurationS: ${unfinished} requests were still open and count as unfinished, ` +
    `${planned - offered} had not arrived and count nowhere`
  );
}

/** Makes the policies of the job's stack for this run, each with a random stream of its own. */
export async function createStack(
  job: Pick<CellJob, 'config' | 'stackName' | 'seed'>,
  workload: Workload,
  guard: CallGuard,
): Promise<PolicyStack> {
  const { config } = job;
  const spec = must(
    config.stacks.find((each) => each.name === job.stackName),
    `stack ${job.stackName}`,
  );
  const members: StackMember[] = [];
  for (const use of spec.policies) {
    const { definition, params } = await loadPolicy(use, config.baseDir, guard);
    const { name, capabilities } = definition;
    const deps = {
      rng: createRng(job.seed, `policy/${name}`),
      model: config.model,
      startHardware: config.cluster.hardware,
      blockSizeTokens: config.engine.blockSizeTokens,
      classes: config.classes,
      ...(capabilities.isOracle === true ? { trueOutputTokens: trueLengths(workload) } : {}),
    };
    members.push({
      name,
      capabilities,
      policy: createGuarded(name, guard, () => definition.create(params, deps)),
    });
  }
  return new PolicyStack(members, guard);
}

/** Calls `create`, watched, with what it throws named after the policy. */
function createGuarded(name: string, guard: CallGuard, create: () => Policy): Policy {
  guard.enter(name, 'create');
  try {
    return create();
  } catch (error) {
    throw new PolicyError(name, 'create', messageOf(error), { cause: error });
  } finally {
    guard.leave();
  }
}

/** Answer lengths for an oracle, looked up in the plan. */
function trueLengths(workload: Workload): (requestId: RequestId) => number {
  const lengths = new Map<RequestId, number>();
  const open: RequestSpec[] = [];
  const arrivals = workload.arrivals();
  for (let next = arrivals.next(); next.done !== true; next = arrivals.next()) open.push(next.value);
  for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
    lengths.set(spec.id, spec.outputTokens);
    open.push(...workload.followers(spec.id));
  }
  return (requestId) => must(lengths.get(requestId), `request ${requestId}`);
}
