import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { bench, readResults } from './bench.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-disturbed-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = join(dir, 'config.yaml');
writeFileSync(
  config,
  `model: tiny-llama
repeats: 1
cluster: { instances: 2, hardware: laptop-cell }
execution: { mode: measure, seedsSimulated: 2 }
workload:
  kind: poisson
  rate: 100
  durationS: 0.3
  promptTokens: { dist: uniform, min: 20, max: 60 }
  outputTokens: { dist: uniform, min: 10, max: 40 }
policies:
  recompute: [least-loaded, recompute]
  swap: [least-loaded, swap, recompute]
`,
);

const timeoutMs = 10 * 60_000;
const neighbours: ChildProcess[] = [];
afterEach(() => {
  for (const neighbour of neighbours.splice(0)) neighbour.kill('SIGKILL');
});

// The device is calibrated before anyone disturbs it.
beforeAll(async () => {
  const { exitCode, stderr } = await bench(['calibrate', '--config', config]);
  expect(exitCode, stderr).toBe(0);
}, timeoutMs);

it('a neighbour that takes more than half of the processor marks the cells, and no verdict rests on them', {
  timeout: timeoutMs,
}, async () => {
  const out = join(dir, 'results');
  // Each in a session of its own: Linux can share out the processor by sessions first.
  for (let count = 0; count < 3 * availableParallelism(); count += 1)
    neighbours.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore', detached: true }));
  const { exitCode, stdout, stderr } = await bench(['--config', config, '--output-dir', out, '--quiet']);
  expect(exitCode, stderr).toBe(0);
  const { manifest, summary } = readResults(out);
  for (const cell of manifest.cells) {
    expect(cell.disturbed, cell.id).toMatch(/other processes took \d+ % of its time/);
  }
  expect(summary.comparisons).toEqual([]);
  expect(stdout).toContain('was disturbed twice, and no verdict rests on it');
});
