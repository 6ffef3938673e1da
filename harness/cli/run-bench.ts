import { resolve } from 'node:path';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import type { PlanRequest, RunPlan } from '../run/plan.ts';
import { readManifest } from '../metrics/read-results.ts';
import { claimFolder, type FolderClaim } from '../run/claim-folder.ts';
import type { FolderIntent } from '../run/inspect-folder.ts';
import { onlyCell } from '../run/only-cell.ts';
import { executeRun } from '../run/run.ts';
import type { RunResult } from '../run/run.ts';
import { WorkerPool } from '../run/worker-pool.ts';
import type { ResolvedConfig } from '../config/index.ts';
import type { ExitCode } from './command.ts';
import { commandLine, resumeCommandLine } from './command-line.ts';
import { currentCommit } from './commit.ts';
import { concurrencyOf } from './concurrency.ts';
import { describePlan } from './describe-plan.ts';
import { gatherFacts } from './gather-facts.ts';
import { catchInterrupts, neverInterrupted } from './interrupt.ts';
import { cellPoolOf, describeLogs, pauseIssues } from './debug-cell.ts';
import { fileRequest, makePlan } from './plan-request.ts';
import { createProgress } from './progress.ts';
import { defaultResultsPath } from './results-path.ts';
import type { RunFlags } from './run-flags.ts';

/** The main command: runs a configuration and writes a results folder with its report. */
export async function runBench(flags: RunFlags): Promise<ExitCode> {
  const pool = new WorkerPool();
  try {
    const whole = await makePlan(await planRequest(flags), pool);
    const plan = flags.only === undefined ? whole : onlyCell(whole, flags.only);
    requireMeasured(plan, flags);
    for (const warning of plan.warnings) console.error(`warning: ${warning}`);
    const concurrency = concurrencyOf(flags.concurrency, plan.config.execution.mode);
    if (flags.dryRun) {
      console.log(describePlan(plan, flags.format));
      return 0;
    }
    return await runPlan(plan, flags, { pool, concurrency });
  } finally {
    pool.close();
  }
}

async function planRequest(flags: RunFlags): Promise<PlanRequest> {
  const { config: file, replay } = flags;
  requireCompatible(flags);
  if (replay !== undefined) return replayRequest(replay);
  if (file === undefined) {
    const hint = 'bench --config configs/burst.yaml, or see bench --help';
    throw new InputError({ source: '--config', path: '', message: 'say what to run', hint });
  }
  return fileRequest(file, flags);
}

function requireCompatible({ replay, resume, overwrite, set, policy, ...flags }: RunFlags): void {
  const issues: InputIssue[] = [];
  const { outputDir } = flags;
  if (resume && outputDir === undefined) {
    issues.push(clash('--resume', 'needs --output-dir with the folder of the run to go on with'));
  }
  if (replay !== undefined && outputDir !== undefined && resolve(replay) === resolve(outputDir)) {
    issues.push(clash('--output-dir', 'is the folder to replay, which would be overwritten; choose another'));
  }
  if (flags.pauseAt !== undefined) issues.push(...pauseIssues(flags.pauseAt, flags.only));
  if (resume && overwrite) issues.push(clash('--resume', 'cannot go together with --overwrite'));
  if (replay !== undefined) {
    const { config, seed, repeats, mode, clock, seedsSimulated } = flags;
    const given = Object.entries({
      config,
      seed,
      repeats,
      mode,
      clock,
      'seeds-simulated': seedsSimulated,
      set: set[0],
      policy: policy[0],
    });
    const changing = given.filter(([, value]) => value !== undefined);
    const message = 'cannot go together with --replay, which repeats what was recorded';
    issues.push(...changing.map(([name]) => clash(`--${name}`, message)));
  }
  if (issues.length > 0) throw new InputError(issues);
}

/** Refuses flags that say how a measurement is made for a run that measures nothing. */
function requireMeasured({ config }: RunPlan, { clock, seedsSimulated }: RunFlags): void {
  const { mode } = config.execution;
  if (mode !== 'simulate') return;
  const given = Object.entries({ clock, 'seeds-simulated': seedsSimulated }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return;
  const message = 'has no effect: the run is simulated, and only measured runs have a clock and twins';
  throw new InputError(
    given.map(([name]) => ({ ...clash(`--${name}`, message), hint: 'leave it out, or use --mode measure' })),
  );
}

function clash(source: string, message: string): InputIssue {
  return { source, path: '', message };
}

/** Requests the configuration of an existing results folder, with the step times recorded there. */
async function replayRequest(dir: string): Promise<PlanRequest> {
  const { config, backend } = await readManifest(dir);
  if (backend.mode !== 'measure') {
    const hint = 'give the folder of a run with --mode measure';
    const message = `a ${backend.mode === 'replay' ? 'replayed' : 'simulated'} run has no recorded step times`;
    throw new InputError({ source: '--replay', path: dir, message, hint });
  }
  const recorded = config as unknown as ResolvedConfig;
  const execution = { ...recorded.execution, mode: 'replay' as const, replayDir: resolve(dir) };
  return { kind: 'resolved', config: { ...recorded, execution } };
}

interface Machinery {
  readonly pool: WorkerPool;
  readonly concurrency: number;
}

/** Runs the plan in a results folder that nobody else writes into meanwhile, the report included. */
async function runPlan(plan: RunPlan, flags: RunFlags, machinery: Machinery): Promise<ExitCode> {
  const { outputDir } = flags;
  const claim = await claimFolder({
    dir: outputDir === undefined ? defaultResultsPath(plan.config.name) : resolve(outputDir),
    intent: intentOf(flags),
    isDefault: outputDir === undefined,
    command: commandLine(process.argv.slice(2)),
  });
  try {
    return await runIn(claim, plan, flags, machinery);
  } finally {
    await claim.release();
  }
}

async function runIn(
  claim: FolderClaim,
  plan: RunPlan,
  flags: RunFlags,
  { pool, concurrency }: Machinery,
): Promise<ExitCode> {
  const { dir } = claim;
  const facts = await gatherFacts(plan, { flags, pool, commit: await currentCommit() });
  const cellPool = cellPoolOf(flags);
  // A cell of this process lets nothing else happen meanwhile, so that Ctrl-C is best left to end it at once.
  const interrupts = cellPool === undefined ? catchInterrupts() : neverInterrupted();
  let result: RunResult;
  try {
    result = await executeRun({
      facts,
      claim,
      concurrency,
      pool,
      cellPool,
      logs: flags.log,
      signal: interrupts.signal,
      // What the cell prints in this process would be between the bars.
      progress: createProgress(process.stderr, { isQuiet: flags.quiet, drawsBars: cellPool === undefined }),
    });
  } finally {
    interrupts.release();
  }
  if (flags.log) for (const line of describeLogs(result.manifest, dir)) console.error(line);
  if (result.summary === undefined) return stopped(result, dir);
  const { finishRun } = await import('./finish-run.ts');
  return finishRun({ dir, manifest: result.manifest, summary: result.summary, format: flags.format });
}

function intentOf({ resume, overwrite }: RunFlags): FolderIntent {
  if (resume) return 'resume';
  return overwrite ? 'overwrite' : 'fresh';
}

function stopped({ manifest }: RunResult, dir: string): ExitCode {
  const numDone = manifest.cells.filter(({ status }) => status === 'done').length;
  const missing = manifest.cells.length - numDone;
  console.error(`stopped: ${numDone} cells are kept, ${missing} are missing; to continue:`);
  console.error(`  ${resumeCommandLine(process.argv.slice(2), dir)}`);
  return 130;
}
