import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { must } from '../base/assert.ts';
import { InputError } from '../base/errors.ts';
import { type ComparedMetricKey, metrics } from '../metrics/metrics.ts';
import { readFinished } from '../metrics/read-finished.ts';
import { writeJson } from '../run/disk.ts';
import { FolderOwner } from '../run/folder-owner.ts';
import { WorkerPool } from '../run/worker-pool.ts';
import { comparePoints } from '../sweep/compare-points.ts';
import { planSweep, type SweepPlan } from '../sweep/plan-sweep.ts';
import type { ExitCode } from './command.ts';
import { commandLine, resumeCommandLine } from './command-line.ts';
import { currentCommit } from './commit.ts';
import { metricsNamed } from './compared-metric.ts';
import { catchInterrupts } from './interrupt.ts';
import { fileRequest, makePlan } from './plan-request.ts';
import { defaultResultsPath } from './results-path.ts';
import { runFolder } from './run-folder.ts';
import type { SweepFlags } from './sweep-flags.ts';

/** Runs a configuration with a setting at many values, each in a results folder of its own, and tells which is best. */
export async function runSweep(flags: SweepFlags): Promise<ExitCode> {
  const [metric] = metricsNamed([flags.metric], 'points');
  const pool = new WorkerPool();
  try {
    const asked = { axes: flags.over, request: fileRequest(flags.config, flags) };
    const sweep = await planSweep(asked, (request) => makePlan(request, pool));
    for (const warning of sweep.base.warnings) console.error(`warning: ${warning}`);
    if (flags.dryRun) {
      console.log(describe(sweep));
      return 0;
    }
    return await runIn(folderOf(flags, sweep), { sweep, flags, metric: must(metric, 'metric'), pool });
  } finally {
    pool.close();
  }
}

function describe({ base, points }: SweepPlan): string {
  const numSeeds = base.config.seeds.length;
  const lines = points.map(({ point, plan }) => {
    const stacks = plan?.config.stacks.map(({ name }) => name) ?? [];
    return `${point.name}: ${stacks.length * numSeeds} cells (${stacks.join(', ') || 'nothing changes'})`;
  });
  return [`default: ${base.config.stacks.length * numSeeds} cells`, ...lines].join('\n');
}

function folderOf({ outputDir, resume }: SweepFlags, { base }: SweepPlan): string {
  if (outputDir !== undefined) return resolve(outputDir);
  if (!resume) return defaultResultsPath(`${base.config.name}-sweep`);
  const message = 'needs --output-dir with the folder of the sweep to go on with';
  throw new InputError({ source: '--resume', path: '', message });
}

interface Sweeping {
  readonly sweep: SweepPlan;
  readonly flags: SweepFlags;
  readonly metric: ComparedMetricKey;
  readonly pool: WorkerPool;
}

/** Runs all points in a folder that no other sweep writes into meanwhile. */
async function runIn(dir: string, sweeping: Sweeping): Promise<ExitCode> {
  const { flags } = sweeping;
  if (existsSync(dir) && !flags.resume) {
    const hint = '--resume goes on with the sweep in it';
    throw new InputError({ source: dir, path: '', message: 'the folder exists', hint });
  }
  await mkdir(dir, { recursive: true });
  const owner = await FolderOwner.take(dir, commandLine(process.argv.slice(2)));
  const interrupts = catchInterrupts();
  try {
    const failed = await runPoints(dir, sweeping, interrupts.signal);
    if (interrupts.signal.aborted) {
      console.error(`stopped; to continue:\n  ${resumeCommandLine(process.argv.slice(2), dir)}`);
      return 130;
    }
    await tell(dir, sweeping);
    for (const line of failed) console.error(line);
    return failed.length > 0 ? 1 : 0;
  } finally {
    interrupts.release();
    await owner.release();
  }
}

/** The folder of the configuration as it is, and of each point that changes something. */
function foldersOf(dir: string, { base, points }: SweepPlan) {
  return [
    { name: 'default', folder: join(dir, 'default'), plan: base },
    ...points.flatMap(({ point: { name }, plan }) =>
      plan === undefined ? [] : [{ name, folder: join(dir, 'points', name), plan }],
    ),
  ];
}

/** Runs what is missing, point by point. Returns a line for each cell that failed. */
async function runPoints(
  dir: string,
  { sweep, flags, pool }: Sweeping,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folders = foldersOf(dir, sweep);
  const commit = await currentCommit();
  const failed: string[] = [];
  for (const [index, { name, folder, plan }] of folders.entries()) {
    if (signal.aborted) break;
    if (!flags.quiet) console.error(`${name} (${index + 1} of ${folders.length})`);
    const { manifest } = await runFolder(plan, { dir: folder, flags, pool, commit, signal });
    for (const { id, error, status } of manifest.cells) {
      if (status === 'failed') failed.push(`failed: ${name}: ${id}: ${error ?? ''}`);
    }
  }
  return failed;
}

/** Writes what the points say, and prints it. */
async function tell(dir: string, { sweep, flags, metric }: Sweeping): Promise<void> {
  const base = await readFinished(join(dir, 'default'));
  const ran = [];
  for (const { point, plan } of sweep.points) {
    const folder = plan === undefined ? undefined : await readFinished(join(dir, 'points', point.name));
    ran.push({ point, folder });
  }
  const { headlineMetrics } = await import('../../reports/verdict.ts');
  const { sweepText } = await import('../../reports/sweep-text.ts');
  const shown = [metric, ...headlineMetrics.filter((key) => key !== metric)];
  const result = {
    name: sweep.base.config.name,
    axes: sweep.axes,
    metric,
    seeds: base.manifest.seeds,
    points: sweep.points.map(({ point: { name, values } }) => ({ name, values })),
    stacks: await comparePoints(base, ran, { metric, shown }),
  };
  await writeJson(join(dir, 'sweep.json'), result);
  if (flags.format === 'json') console.log(JSON.stringify(result, undefined, 2));
  else console.log(`${sweepText(result, metrics)}\n\nresults: ${relative(process.cwd(), dir)}`);
}
