import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mean, quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import { readManifest, readSummary } from '../../harness/metrics/read-results.ts';
import type { Manifest, Summary } from '../../harness/metrics/results.ts';

/**
 * How much of a measured answer is the machine's: one configuration is run again and again, alone, beside a loop that keeps a core
 * busy, and stopped for half of the time. For each stack the P99 TTFT of every run comes out with the quotient of its largest and
 * smallest, then how alike the orders of the stacks are, the verdicts, and what the simulator is off by.
 *
 *     npm run --silent benchmark:repeatability
 *     npm run --silent benchmark:repeatability -- --config configs/chain-of-thought.yaml --runs alone,alone,loop,slowed
 *     npm run --silent benchmark:repeatability -- --read DIR...      the table of results that are there
 */
const conditions = ['alone', 'loop', 'slowed'] as const;
type Condition = (typeof conditions)[number];

const benchFile = fileURLToPath(new URL('../../harness/cli/bin.js', import.meta.url));

/** Milliseconds for which a slowed run goes on, and then stands still; and for which a list of its processes is good. */
const sliceMs = 10;
const familyMs = 500;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      config: { type: 'string', default: 'configs/burst.yaml' },
      runs: { type: 'string', default: 'alone,alone,alone,loop,loop,loop,slowed' },
      read: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const dirs = values.read
    ? positionals
    : await runAll(values.config, values.runs.split(',').map(toCondition));
  const runs = await Promise.all(dirs.map(readRun));
  process.stdout.write(`${formatRuns(runs)}\n`);
}

function toCondition(name: string): Condition {
  const found = conditions.find((condition) => condition === name);
  if (found === undefined) throw new Error(`--runs: expected ${conditions.join(', ')}, got "${name}"`);
  return found;
}

async function runAll(config: string, order: readonly Condition[]): Promise<string[]> {
  const base = mkdtempSync(join(tmpdir(), 'servebench-repeatability-'));
  const dirs: string[] = [];
  for (const [index, condition] of order.entries()) {
    const dir = join(base, `${index}-${condition}`);
    process.stderr.write(`${dir}\n`);
    await runOnce(['--config', config, '--output-dir', dir], condition);
    dirs.push(dir);
  }
  return dirs;
}

async function runOnce(args: readonly string[], condition: Condition): Promise<void> {
  const loop =
    condition === 'loop' ? spawn(process.execPath, ['-e', 'for (;;);'], { detached: true }) : undefined;
  const bench = spawn(process.execPath, [benchFile, ...args], { stdio: 'ignore' });
  const ended = new Promise<number | null>((done, failed) => bench.on('exit', done).on('error', failed));
  const stopping = new AbortController();
  const slowing =
    condition === 'slowed' && bench.pid !== undefined ? slowDown(bench.pid, stopping.signal) : undefined;
  const code = await ended;
  stopping.abort();
  await slowing;
  loop?.kill();
  if (code !== 0) process.stderr.write(`the run ended with exit code ${code}\n`);
}

/** Lets a process and all that it has started go on for half of the time only. */
async function slowDown(pid: number, signal: AbortSignal): Promise<void> {
  let family: readonly number[] = [];
  let listedMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (performance.now() - listedMs > familyMs) {
      family = familyOf(pid);
      listedMs = performance.now();
    }
    send(family, 'SIGSTOP');
    await sleep(sliceMs);
    send(family, 'SIGCONT');
    await sleep(sliceMs);
  }
}

/** The process and its descendants. */
function familyOf(pid: number): readonly number[] {
  const pairs = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const family = [pid];
  for (const parent of family) {
    family.push(...pairs.flatMap(([child = 0, of = 0]) => (of === parent ? [child] : [])));
  }
  return family;
}

function send(family: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of family) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended since it was listed.
    }
  }
}

interface Run {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly summary: Summary;
}

async function readRun(dir: string): Promise<Run> {
  const manifest = await readManifest(dir);
  return { dir, manifest, summary: await readSummary(dir, manifest) };
}

function formatRuns(runs: readonly Run[]): string {
  const stacks = runs[0]?.manifest.stacks.map(({ name }) => name) ?? [];
  const figures = runs.map((run) => stacks.map((stack) => ttftP99Of(run, stack)));
  const rows = stacks.map((stack, column) => {
    const values = figures.map((run) => run[column] ?? Number.NaN);
    const spread = Math.max(...values) / Math.min(...values);
    return row([
      stack,
      ...values.map((value) => value.toFixed(1)),
      spread.toFixed(2),
      verdictsOf(runs, stack),
    ]);
  });
  const pairs = figures.flatMap((one, index) =>
    figures.slice(index + 1).map((other) => rankCorrelation(one, other)),
  );
  return [
    ...runs.map(describeRun),
    '',
    row(['P99 TTFT, ms', ...runs.map((_run, index) => `run ${index + 1}`), 'largest / smallest', 'verdicts']),
    row(['---', ...runs.map(() => '---:'), '---:', '---']),
    ...rows,
    '',
    `Rank correlation of the order of the stacks, pairs of runs: mean ${(mean(pairs) ?? Number.NaN).toFixed(3)}, least ${Math.min(...pairs).toFixed(3)}`,
  ].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function describeRun({ dir, manifest, summary }: Run, index: number): string {
  const { cells, clock } = manifest;
  const disturbed = cells.flatMap(({ id, disturbed: what }) => (what === undefined ? [] : [id]));
  const errors = ['p50', 'p99'].map((statistic) => {
    const those = (summary.fidelity ?? []).flatMap(({ metric, error }) =>
      metric.startsWith(`${statistic}_`) && error !== null ? [Math.abs(error)] : [],
    );
    const median = quantileOfSorted(sorted(those), 0.5) ?? Number.NaN;
    return `${statistic} ${(100 * median).toFixed(1)} %`;
  });
  const wallS = cells.reduce((sum, { wall_ms = 0 }) => sum + wall_ms, 0) / 1000;
  return `- run ${index + 1}: ${dir}; scale ${clock?.scale.toFixed(2)}; cells took ${wallS.toFixed(0)} s; median error of the simulator: ${errors.join(', ')}; disturbed: ${disturbed.join(', ') || 'none'}`;
}

function ttftP99Of({ summary }: Run, stack: string): number {
  const values = summary.cells.flatMap((cell) =>
    cell.policy === stack && cell.p99_ttft_ms !== null ? [cell.p99_ttft_ms] : [],
  );
  return mean(values) ?? Number.NaN;
}

/** The estimates of P99 TTFT over the baseline's that are shown, with their verdicts. */
function verdictsOf(runs: readonly Run[], stack: string): string {
  const found = runs.map(({ summary }) =>
    summary.comparisons.find(({ policy, metric }) => policy === stack && metric === 'p99_ttft_ms'),
  );
  return found.map((one) => (one === undefined ? '' : `${one.ratio?.toFixed(2)} ${one.verdict}`)).join('; ');
}

/** Spearman's rank correlation; equal values share their mean rank. */
function rankCorrelation(left: readonly number[], right: readonly number[]): number {
  const [a, b] = [ranksOf(left), ranksOf(right)];
  const middle = (left.length + 1) / 2;
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, rank, index) => sum + (rank - middle) * ((y[index] ?? middle) - middle), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

await main();
