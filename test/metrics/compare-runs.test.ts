import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeChecksums } from '../../harness/metrics/checksums.ts';
import { comparedMetrics } from '../../harness/metrics/compare.ts';
import { compareRuns } from '../../harness/metrics/compare-runs.ts';
import { metrics } from '../../harness/metrics/metrics.ts';
import { type FinishedFolder, readFinished } from '../../harness/metrics/read-finished.ts';
import type { Manifest } from '../../harness/metrics/results.ts';
import { runComparisonText } from '../../reports/run-comparison.ts';
import { profileWith } from '../calibration/profiles.ts';
import { folderOf } from '../reports/fixtures.ts';

const plain = await folderOf('three stacks, three seeds');

/** A copy of the plain run, with one of its files changed as if the run had written it so. */
function copyOf(dir: string): string {
  const copy = join(mkdtempSync(join(tmpdir(), 'servebench-compare-')), 'results');
  cpSync(dir, copy, { recursive: true });
  return copy;
}

async function withTtft(stack: string, factor: number): Promise<FinishedFolder> {
  const dir = copyOf(plain);
  for (const seed of [1, 2, 3]) {
    const cell = join(dir, 'cells', `${stack}-s${seed}`);
    const file = join(cell, 'requests.jsonl');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const slower = lines.map((line) => {
      const row = JSON.parse(line) as {
        arrived_at_us: number;
        first_token_at_us: number;
        ended_at_us: number;
      };
      const { arrived_at_us: from, first_token_at_us: first, ended_at_us: end } = row;
      const later = Math.round((first - from) * (factor - 1));
      return JSON.stringify({ ...row, first_token_at_us: first + later, ended_at_us: end + later });
    });
    writeFileSync(file, `${slower.join('\n')}\n`);
    await writeChecksums(cell);
  }
  return readFinished(dir);
}

function having(folder: FinishedFolder, change: (manifest: Manifest) => Partial<Manifest>): FinishedFolder {
  return { ...folder, manifest: { ...folder.manifest, ...change(folder.manifest) } };
}

const withConfig = (folder: FinishedFolder, config: Manifest['config']) =>
  having(folder, (manifest) => ({ config: { ...manifest.config, ...config } }));

async function verdicts(before: FinishedFolder, after: FinishedFolder) {
  const { comparisons } = await compareRuns(before, after, comparedMetrics);
  return comparisons.filter(({ verdict }) => verdict !== 'cannot tell');
}

describe('two runs', () => {
  it('of which nothing differs are told apart in nothing', async () => {
    const run = await readFinished(plain);
    const compared = await compareRuns(run, await readFinished(copyOf(plain)), comparedMetrics);
    expect(compared).toMatchObject({ changes: [], notes: [], seeds: [1, 2, 3] });
    expect(compared.stacks).toEqual(['recompute', 'swap', 'unlimited']);
    for (const { before, after, verdict } of compared.comparisons) {
      expect(after).toBe(before);
      expect(verdict).toBe('cannot tell');
    }
    const text = runComparisonText({ before: run, after: run, compared, definitions: metrics });
    expect(text).toContain('They differ in nothing but the day.');
    expect(text).toMatch(/0 worse, 0 better, (\d+) cannot tell \(\1 of them equal\)/);
  });

  it('show a first token that comes a tenth later in one stack, and nothing in the others', async () => {
    const before = await readFinished(plain);
    const after = await withTtft('swap', 1.1);
    const found = await verdicts(before, after);
    expect(found.map(({ stack }) => stack)).toEqual(found.map(() => 'swap'));
    const p99 = found.find(({ metric }) => metric === 'p99_ttft_ms');
    expect(p99).toMatchObject({ verdict: 'worse' });
    expect(p99?.ratio).toBeCloseTo(1.1, 2);
    expect(found.every(({ verdict }) => verdict === 'worse')).toBe(true);
    const back = await verdicts(after, before);
    expect(back.every(({ stack, verdict }) => stack === 'swap' && verdict === 'better')).toBe(true);
    expect(back).toHaveLength(found.length);
  });

  it('are listed with what they differ in, stacks by name, and with what only one of them has', async () => {
    const run = await readFinished(plain);
    const stacks = run.manifest.config['stacks'] as readonly { name: string; policies: object[] }[];
    const changed = stacks
      .filter(({ name }) => name !== 'unlimited')
      .toReversed()
      .map((stack) => ({ ...stack, policies: [...stack.policies, { use: 'another', params: {} }] }));
    const after = having(withConfig(run, { stacks: changed, baseDir: '/elsewhere' }), ({ cells }) => ({
      commit: 'fedcba9876543210',
      cells: cells.map((cell) => {
        if (cell.id === 'swap-s2') return { ...cell, disturbed: 'by a neighbour' };
        return cell.policy === 'unlimited' ? { ...cell, status: 'failed' } : cell;
      }),
    }));
    const { changes, notes, stacks: shared } = await compareRuns(run, after, ['p99_ttft_ms']);
    expect(changes.map(({ path }) => path)).toEqual([
      'config.stacks.recompute.policies.2',
      'config.stacks.swap.policies.3',
      'config.stacks.unlimited',
      'commit',
    ]);
    expect(shared).toEqual(['recompute', 'swap']);
    expect(notes.join('\n')).toMatch(/finished only there: unlimited\n.*\n?disturbed in .*: swap-s2/);
    expect(notes.at(-1)).toMatch(/left out: swap-s2$/);
  });
});

describe('two runs are not compared', () => {
  it.each([
    [
      'that served other requests',
      { workload: [{ kind: 'poisson', rate: 3 }] },
      /the same requests: workload/,
    ],
    ['that judged them otherwise', { classes: [] }, /the same requests: classes/],
    ['of another part of the time', { steadyWindow: { startUs: 0, endUs: 9 } }, /requests: steadyWindow/],
  ])('%s', async (_, config, message) => {
    const run = await readFinished(plain);
    await expect(compareRuns(run, withConfig(run, config), comparedMetrics)).rejects.toThrow(message);
  });

  it('of which one was measured', async () => {
    const run = await readFinished(plain);
    await expect(compareRuns(run, measuredOn(run, 'reference'), comparedMetrics)).rejects.toThrow(
      /one was measured and the other simulated/,
    );
  });

  it('without a cell in common', async () => {
    const run = await readFinished(plain);
    const none = having(run, ({ cells }) => ({
      cells: cells.map((cell) => ({ ...cell, id: `${cell.id}0`, seed: 10 * cell.seed })),
    }));
    await expect(compareRuns(run, none, comparedMetrics)).rejects.toThrow(/no finished cell in common/);
  });

  it('of damaged cells', async () => {
    const dir = copyOf(plain);
    writeFileSync(join(dir, 'cells', 'swap-s1', 'requests.jsonl'), '');
    await expect(readFinished(dir)).rejects.toThrow(/swap-s1: is damaged/);
  });
});

describe('traces', () => {
  it('are the same where their content is', async () => {
    const run = await readFinished(plain);
    const at = (file: string, sha256: string) =>
      withConfig(run, { workload: [{ kind: 'trace', file, sha256 }] });
    const same = await compareRuns(at('a.csv', 'x'), at('b/a.csv', 'x'), ['p99_ttft_ms']);
    expect(same.changes.map(({ path }) => path)).toEqual(['config.workload.0.file']);
    await expect(compareRuns(at('a.csv', 'x'), at('a.csv', 'y'), ['p99_ttft_ms'])).rejects.toThrow(/sha256/);
  });
});

function measuredOn(folder: FinishedFolder, kind: 'reference' | 'device', cpu = 'a CPU'): FinishedFolder {
  return having(folder, ({ machine }) => ({
    backend: { name: 'tensorflow 2.21.0', mode: 'measure', device: 'CPU' },
    clock: { kind, scale: 1, profile: profileWith({}) },
    machine: { ...machine, cpu },
  }));
}

describe('measured runs', () => {
  const p99 = ['p99_ttft_ms'] as const;

  it('tell nothing from one seed, however many requests it has', async () => {
    const before = measuredOn(await readFinished(plain), 'reference');
    const single = having(measuredOn(await withTtft('swap', 2), 'reference'), ({ cells }) => ({
      cells: cells.filter(({ seed }) => seed === 1),
    }));
    const { comparisons, notes } = await compareRuns(before, single, p99);
    expect(comparisons.map(({ verdict }) => verdict)).toEqual(comparisons.map(() => 'cannot tell'));
    expect(notes.at(-1)).toMatch(/one measured seed does not tell/);
  });

  it('tell a doubled latency from three', async () => {
    const before = measuredOn(await readFinished(plain), 'reference');
    const after = measuredOn(await withTtft('swap', 2), 'reference');
    const { comparisons } = await compareRuns(before, after, p99);
    expect(comparisons.filter(({ verdict }) => verdict === 'worse').map(({ stack }) => stack)).toEqual([
      'swap',
    ]);
  });

  it('of two machines are compared in reference time, and refused in the time of each', async () => {
    const run = await readFinished(plain);
    const { notes } = await compareRuns(measuredOn(run, 'reference'), measuredOn(run, 'reference', 'B'), p99);
    expect(notes).toEqual(['measured on different machines: compared in reference time']);
    await expect(compareRuns(measuredOn(run, 'device'), measuredOn(run, 'device', 'B'), p99)).rejects.toThrow(
      /time of the device that measured, which is another: cpu/,
    );
    await expect(compareRuns(measuredOn(run, 'device'), measuredOn(run, 'reference'), p99)).rejects.toThrow(
      /one is in the time of the device, the other in that of the reference/,
    );
  });
});
