import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BenchResult, bench, readResults, repeatableBytes } from './bench.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-e2e-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function eventsOf(results: string, cellId: string): { kind: string; detail: string }[] {
  const lines = readFileSync(join(results, 'cells', cellId, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as { kind: string; detail: string });
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

  it('really runs out of memory: preemptions in recompute and swap, none in unlimited', () => {
    const cells = readResults(measured).summary.cells;
    const of = (policy: string) => cells.filter((cell) => cell.policy === policy);
    for (const cell of [...of('recompute'), ...of('swap')])
      expect(cell.preemption_count, cell.id).toBeGreaterThan(0);
    for (const cell of of('swap')) expect(cell.swapped_bytes, cell.id).toBeGreaterThan(0);
    for (const cell of of('unlimited')) expect(cell.preemption_count, cell.id).toBe(0);
  });

  it('drops, exchanges and restores in kunserve; tensors free and take what the plan says', () => {
    const cells = readResults(measured).summary.cells.filter(({ policy }) => policy === 'kunserve');
    expect(cells).toHaveLength(1);
    for (const cell of cells) {
      expect(cell.drop_count, cell.id).toBeGreaterThan(0);
      expect(cell.restore_count, cell.id).toBeGreaterThan(0);
      expect(cell.exchanged_bytes, cell.id).toBeGreaterThan(0);
      const changes = eventsOf(measured, cell.id).filter(({ kind }) => kind.startsWith('weights'));
      expect(new Set(changes.map(({ kind }) => kind))).toEqual(new Set(['weightsDropped', 'weightsLoaded']));
      for (const { detail } of changes) {
        const [, planned, held] = /^(\d+) B by plan, (\d+) B of tensors;/.exec(detail) ?? [];
        expect(Number(held), detail).toBe(Number(planned));
        expect(Number(held), detail).toBeGreaterThan(0);
      }
    }
  });

  it('migrates and drains in llumnix, starts instances in chiron and hpa; all of it is paid for', () => {
    const cells = readResults(measured).summary.cells;
    const of = (policy: string) => cells.find((cell) => cell.policy === policy);
    const llumnix = of('llumnix');
    expect(llumnix?.migration_count).toBeGreaterThan(0);
    expect(llumnix?.migrated_bytes).toBeGreaterThan(0);
    expect(llumnix?.drain_count).toBeGreaterThan(0);
    expect(eventsOf(measured, 'llumnix-s1').some(({ kind }) => kind === 'instanceStopped')).toBe(true);
    for (const policy of ['chiron', 'hpa', 'kunserve-hpa']) {
      expect(of(policy)?.scale_up_count, policy).toBeGreaterThan(0);
      expect(of(policy)?.mean_cold_start_ms, policy).toBeGreaterThan(400 * 0.8);
      expect(of(policy)?.mean_instances, policy).toBeGreaterThan(4);
    }
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
