import { assert } from '../base/assert.ts';
import { wallClockUs } from '../base/clock.ts';
import { createRng } from '../base/rng.ts';
import { runCluster, type RunOptions, type RunTotals } from '../core/run.ts';
import type { Workload } from '../domain/workload.ts';
import { CellRecorder } from '../metrics/recorder.ts';
import type { CellSummary } from '../metrics/results.ts';
import { fileSinks } from '../metrics/sinks.ts';
import type { Limits } from '../policy/index.ts';
import type { PolicyStack } from '../policy/stack.ts';
import type { EngineSpec, ResolvedConfig } from '../config/index.ts';
import type { CellGuard, CellJob, CellOutcome, CellProgress, WallFigures } from './cell-job.ts';
import type { CellExecutor } from './cell-executor.ts';
import { createExecutor } from './create-executor.ts';
import { createStack } from './create-stack.ts';
import { pluginFile } from './load-policy.ts';
import { plannedWorkload } from './planned-workload.ts';
import { PolicyLog } from './policy-log.ts';

export interface CellIo {
  onProgress(progress: CellProgress): void;
  readonly guard: CellGuard;
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
  // Before the stack: with a plug-in the language's objects are frozen, and libraries may have to extend them while they load.
  const cellExecutor = await createExecutor(job, () => io.guard.advance());
  const log = openLog(job);
  const recorder = new CellRecorder({
    classes: config.classes,
    window: config.steadyWindow,
    openSink: fileSinks(job.dir),
  });
  try {
    const { workload } = built;
    const stack = await createStack(job, workload, io.guard);
    const { wall, ...outcome } = execute(job, io, { workload, stack, cellExecutor, recorder, log });
    const wallMs = (wallClockUs() - startUs) / 1000;
    return { ...outcome, wall: { wall_ms: wallMs, ...wall } };
  } finally {
    log?.close();
    recorder.close();
    cellExecutor.executor.close();
  }
}

/** Before the plug-ins are imported, which may print already. */
function openLog({ config, stackName, logFile }: CellJob): PolicyLog | undefined {
  if (logFile === undefined) return undefined;
  const stack = config.stacks.find(({ name }) => name === stackName);
  const hasPlugin = stack?.policies.some(({ use }) => pluginFile(use, config.baseDir) !== undefined);
  return hasPlugin === true ? new PolicyLog(logFile) : undefined;
}

interface CellParts {
  readonly workload: Workload;
  readonly stack: PolicyStack;
  readonly cellExecutor: CellExecutor;
  readonly recorder: CellRecorder;
  readonly log: PolicyLog | undefined;
}

function execute(
  job: CellJob,
  io: CellIo,
  parts: CellParts,
): Omit<CellOutcome, 'wall'> & { wall: Omit<WallFigures, 'wall_ms'> } {
  const { seed, id } = job;
  const { workload, stack, cellExecutor, recorder } = parts;
  const startUs = wallClockUs();
  const planned = workload.numRequests;
  const totals = serve(job, io, parts);
  const runUs = wallClockUs() - startUs;
  const executorUs = cellExecutor.executorUs();
  const disturbance = cellExecutor.disturbance();
  io.onProgress({ phase: 'verify', ended: planned, planned, virtualUs: totals.durationUs });
  const verifiedTokens = verify(cellExecutor, totals.generatedTokens);
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
    warnings: totals.wasCutOff
      ? [cutOffWarning(summary, planned, job.config.steadyWindow !== undefined)]
      : [],
    disturbance,
  };
}

/** Sends the workload through the cluster. */
function serve(
  { config, seed }: CellJob,
  io: CellIo,
  { workload, stack, cellExecutor, recorder, log }: CellParts,
): RunTotals {
  const planned = workload.numRequests;
  const { guard } = io;
  return runCluster({
    ...runOptionsOf(config, seed),
    workload,
    stack,
    executor: cellExecutor.executor,
    observer: recorder,
    onTime: timeListener(log, guard),
    onProgress: ({ ended, nowUs }) => {
      guard.advance();
      io.onProgress({ phase: 'run', ended, planned, virtualUs: nowUs });
    },
  });
}

/** Nothing is told the time where nobody wants to know it: a run has millions of events. */
function timeListener(log: PolicyLog | undefined, guard: CellGuard): ((nowUs: number) => void) | undefined {
  if (log === undefined && guard.atTime === undefined) return undefined;
  return (nowUs) => {
    log?.at(nowUs);
    guard.atTime?.(nowUs);
  };
}

/** Returns how many tokens have been checked: all that were generated, or `null` where nothing was executed. */
function verify(cellExecutor: CellExecutor, generatedTokens: number): number | null {
  const verifiedTokens = cellExecutor.verify();
  assert(
    verifiedTokens === null || verifiedTokens === generatedTokens,
    'INV-verified',
    () => `${verifiedTokens} of ${generatedTokens} generated tokens verified`,
  );
  return verifiedTokens;
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
