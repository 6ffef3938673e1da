import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mean } from '../../harness/base/stats.ts';
import { migrationRows } from '../../harness/metrics/rows/migration-row.ts';
import { runCell } from '../../harness/run/cell.ts';
import { createPolicyResolver } from '../../harness/run/load-policy.ts';
import { loadConfig } from '../../harness/config/index.ts';

const root = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'migration-downtime-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };

/** Mean time that a migrating request stands still, in milliseconds, by prompt length. */
async function downtimes(stackName: string): Promise<Map<number, number>> {
  const config = await loadConfig({
    file: 'configs/papers/llumnix/migration-fig10.yaml',
    overrides: ['workload.numRequests=300'],
    resolver: createPolicyResolver(guard),
    cwd: root,
  });
  await runCell({ id: `${stackName}-s1`, config, stackName, seed: 1, dir }, { onProgress() {}, guard });
  const byLength = new Map<number, number[]>();
  for (const line of readFileSync(join(dir, 'migrations.jsonl'), 'utf8').trimEnd().split('\n')) {
    const { downtime_us: downtimeUs, tokens, outcome } = migrationRows.schema.parse(JSON.parse(line));
    if (outcome !== 'done' || downtimeUs === null) continue;
    const length = lengths.findLast((each) => each <= tokens) ?? 0;
    byLength.set(length, [...(byLength.get(length) ?? []), downtimeUs / 1000]);
  }
  return new Map([...byLength].map(([length, values]) => [length, mean(values) ?? NaN]));
}

/** Tokens, and the milliseconds that the plot script of figure 10 in the authors' artifact notes for blocking copies. */
const blockingMs = new Map([
  [256, 68],
  [512, 129],
  [1024, 226],
  [2048, 451],
  [4096, 909],
  [8192, 1682],
]);
const lengths = [...blockingMs.keys()];

describe("the paper's migrations on A10 (Llumnix, figure 10)", () => {
  it('stand still for 20 to 30 ms, whatever the length, when they are live', async () => {
    const live = await downtimes('live');
    expect([...live.keys()].toSorted((a, b) => a - b)).toEqual(lengths);
    for (const ms of live.values()) {
      expect(ms).toBeGreaterThan(19);
      expect(ms).toBeLessThan(31);
    }
  });

  it('take what the authors measured when they are blocking copies', async () => {
    const blocking = await downtimes('blocking');
    for (const [length, paperMs] of blockingMs) {
      // Requests have grown by the time they migrate: by 160 tokens at most, half of that in the mean.
      const expectedMs = (paperMs * (length + 80)) / length;
      expect(Math.abs((blocking.get(length) ?? NaN) / expectedMs - 1)).toBeLessThan(0.12);
    }
  });
});
