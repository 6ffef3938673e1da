import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Summary } from '../../harness/metrics/results.ts';
import { type BenchResult, bench, readResults, repeatableBytes } from './bench.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-e2e-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function eventsOf(results: string, cellId: string): { kind: string; detail: string }[] {
  const lines = readFileSync(join(results, 'cells', cellId, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as { kind: string; detail: string });
}

/** Every change of weights moved as many bytes of tensors as the ledger had planned; how many changes there were. */
function expectTensorsAsPlanned(results: string, cellId: string): number {
  const changes = eventsOf(results, cellId).filter(({ kind }) => /^weights(Dropped|Loaded)$/.test(kind));
  for (const { detail } of changes) {
    const [, planned, held] = /^(\d+) B by plan, (\d+) B of tensors;/.exec(detail) ?? [];
    expect(Number(held), detail).toBe(Number(planned));
    expect(Number(held), detail).toBeGreaterThan(0);
  }
  return changes.length;
}

/** Provisioning TensorFlow on a fresh machine downloads and unpacks a library: minutes. */
const measuredTimeoutMs = 15 * 60_000;

describe('configs/burst.yaml on TensorFlow', () => {
  const measured = join(dir, 'measured');
  let result: BenchResult;

  beforeAll(async () => {
    result = await bench(['--config', 'configs/burst.yaml', '--output-dir', measured]);
  }, measuredTimeoutMs);

  it('exits 0 with every cell done, on the pinned TensorFlow', () => {
    expect(result.exitCode, result.stderr).toBe(0);
    const { manifest } = readResults(measured);
    expect(manifest.backend).toMatchObject({ name: 'tensorflow 2.21.0', mode: 'measure' });
    expect(manifest.cells).toHaveLength(8);
    expect(manifest.cells.every(({ status }) => status === 'done')).toBe(true);
  });

  it('verifies every generated token', () => {
    for (const { id, generated_tokens, verified_tokens } of readResults(measured).summary.cells) {
      expect(generated_tokens, id).toBeGreaterThan(1000);
      expect(verified_tokens, id).toBe(generated_tokens);
    }
  });

  it('tensors free and take what the plan says, wherever layers are dropped or loaded', () => {
    const kunserve = readResults(measured).summary.cells.filter(({ policy }) => policy === 'kunserve');
    expect(kunserve).toHaveLength(1);
    expectTensorsAsPlanned(measured, 'kunserve-s1');
  });

  it('answers every request and says so in the closing table', () => {
    for (const { id, offered, completed } of readResults(measured).summary.cells)
      expect(completed, id).toBe(offered);
    for (const policy of ['recompute', 'swap', 'llumnix', 'kunserve', 'chiron', 'hpa', 'unlimited'])
      expect(result.stdout).toContain(policy);
  });

  it('replays its recording to the same bytes', { timeout: 120_000 }, async () => {
    const replayed = join(dir, 'replayed');
    const again = await bench(['--replay', measured, '--output-dir', replayed, '--quiet']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(readResults(replayed).manifest.backend.mode).toBe('replay');
    expect(repeatableBytes(replayed)).toEqual(repeatableBytes(measured));
  });
});

/*
 * What a policy does in the main job depends on how fast the machine is. Here everything arrives at once, so that memory
 * runs out on any machine. Migrations, drains and restores on TensorFlow have scripts of their own (test/executors).
 */
describe('a cluster that is short of memory from the start, on TensorFlow', () => {
  const out = join(dir, 'short-of-memory');
  const text = `model: tiny-llama
cluster: { instances: 3, maxInstances: 5, hardware: laptop-cell }
execution: { mode: measure, sampleIntervalMs: 5 }
workload:
  kind: poisson
  rate: 100000
  durationS: 0.001
  promptTokens: { dist: uniform, min: 40, max: 160 }
  outputTokens: { dist: uniform, min: 40, max: 100 }
slo: { ttftMs: 100 }
policies:
  recompute: [least-loaded, recompute]
  swap: [least-loaded, swap, recompute]
  kunserve: [least-loaded, { use: kunserve, params: { pollMs: 2, reportMs: 2, trendReports: 5, minDwellMs: 5 } }, recompute]
  hpa: [least-loaded, { use: hpa, params: { syncS: 0.01, periodS: 0.01, downWindowS: 10 } }, recompute]
  unlimited: [least-loaded, unlimited]
`;
  let cells: Summary['cells'];

  beforeAll(async () => {
    const config = join(dir, 'short-of-memory.yaml');
    writeFileSync(config, text);
    const { exitCode, stderr } = await bench(['--config', config, '--output-dir', out, '--quiet']);
    expect(exitCode, stderr).toBe(0);
    ({ cells } = readResults(out).summary);
  }, measuredTimeoutMs);

  const of = (policy: string) => cells.find((cell) => cell.policy === policy)!;

  it('verifies every token of every request', () => {
    for (const { id, offered, completed, generated_tokens, verified_tokens } of cells) {
      expect(completed, id).toBe(offered);
      expect(verified_tokens, id).toBe(generated_tokens);
    }
  });

  it('preempts in recompute and swap, never in unlimited', () => {
    expect(of('recompute').preemption_count).toBeGreaterThan(0);
    expect(of('swap').preemption_count).toBeGreaterThan(0);
    expect(of('swap').swapped_bytes).toBeGreaterThan(0);
    expect(of('unlimited').preemption_count).toBe(0);
  });

  it('drops and exchanges in kunserve, as planned to the byte', () => {
    expect(of('kunserve').drop_count).toBeGreaterThan(0);
    expect(of('kunserve').exchanged_bytes).toBeGreaterThan(0);
    expect(expectTensorsAsPlanned(out, 'kunserve-s1')).toBeGreaterThan(0);
  });

  it('starts instances in hpa; their cold start is paid for', () => {
    expect(of('hpa').scale_up_count).toBeGreaterThan(0);
    expect(of('hpa').instance_seconds).toBeGreaterThan(0);
    expect(of('hpa').cold_start_seconds).toBeGreaterThan(0);
  });
});

describe('configs/chain-of-thought.yaml on TensorFlow', () => {
  it('runs, with every token verified', { timeout: measuredTimeoutMs }, async () => {
    const out = join(dir, 'chain-of-thought');
    const config = ['--config', 'configs/chain-of-thought.yaml'];
    const { exitCode, stderr } = await bench([...config, '--output-dir', out, '--quiet']);
    expect(exitCode, stderr).toBe(0);
    for (const { id, generated_tokens, verified_tokens } of readResults(out).summary.cells) {
      expect(verified_tokens, id).toBe(generated_tokens);
    }
  });
});

describe('simulated runs', () => {
  it.each(['burst', 'chain-of-thought'])(
    'configs/%s.yaml gives the same bytes twice',
    { timeout: 120_000 },
    async (name) => {
      const runs = ['first', 'second'].map((run) => join(dir, `${name}-${run}`));
      for (const out of runs) {
        const args = [
          '--config',
          `configs/${name}.yaml`,
          '--mode',
          'simulate',
          '--output-dir',
          out,
          '--quiet',
        ];
        const { exitCode, stderr } = await bench(args);
        expect(exitCode, stderr).toBe(0);
      }
      const [first, second] = runs.map(repeatableBytes);
      expect(first).toEqual(second);
    },
  );

  it('every policy of configs/burst.yaml does what it is for', () => {
    const { cells } = readResults(join(dir, 'burst-first')).summary;
    const of = (policy: string) => cells.find((cell) => cell.policy === policy)!;
    expect(of('recompute').preemption_count).toBeGreaterThan(0);
    expect(of('swap').swapped_bytes).toBeGreaterThan(0);
    expect(of('unlimited').preemption_count).toBe(0);
    const { migration_count, migrated_bytes, scale_up_count } = of('llumnix');
    const { drop_count, restore_count, exchanged_bytes } = of('kunserve');
    for (const count of [migration_count, migrated_bytes, scale_up_count]) expect(count).toBeGreaterThan(0);
    for (const count of [drop_count, restore_count, exchanged_bytes]) expect(count).toBeGreaterThan(0);
    for (const policy of ['chiron', 'hpa']) {
      expect(of(policy).scale_up_count, policy).toBeGreaterThan(0);
      expect(of(policy).mean_instances, policy).toBeGreaterThan(4);
    }
    expect(of('chiron').mean_cold_start_ms).toBeGreaterThan(400 * 0.8);
  });

  it('replays a real trace, the burst of Azure code, on a 14B model description', {
    timeout: 120_000,
  }, async () => {
    const out = join(dir, 'azure');
    const { exitCode, stderr } = await bench([
      '--config',
      'configs/azure-code-14b.yaml',
      '--output-dir',
      out,
      '--quiet',
    ]);
    expect(exitCode, stderr).toBe(0);
    const { manifest, summary } = readResults(out);
    expect(manifest.backend.mode).toBe('simulate');
    expect(manifest.traces[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(summary.cells[0]?.offered).toBeGreaterThan(900);
  });
});
