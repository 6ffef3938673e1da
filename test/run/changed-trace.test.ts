import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EnvironmentError } from '../../harness/base/errors.ts';
import { plannedWorkload } from '../../harness/run/planned-workload.ts';
import { planRun, type RunPlan } from '../../harness/run/plan.ts';

const rows =
  'TIMESTAMP,ContextTokens,GeneratedTokens\n2024-01-01 00:00:00,10,10\n2024-01-01 00:00:01,10,10\n';

async function planOf(cwd: string): Promise<RunPlan> {
  writeFileSync(join(cwd, 'rows.csv'), rows);
  const text = `model: tiny-llama
cluster: { instances: 1, hardware: laptop-cell }
execution: { mode: simulate }
workload: { kind: trace, path: rows.csv, format: azure, maxTotalTokens: 64 }
policies: { recompute: [least-loaded, recompute] }
`;
  writeFileSync(join(cwd, 'config.yaml'), text);
  const request = { kind: 'file', file: 'config.yaml', cwd, overrides: [], flags: {} } as const;
  return await planRun(request, { enter() {}, leave() {}, advance() {}, beforeImport() {} });
}

it.each([
  ['has other bytes', (file: string) => writeFileSync(file, `${rows}2024-01-01 00:00:02,10,10\n`)],
  ['is gone', (file: string) => rmSync(file)],
  ['is empty', (file: string) => writeFileSync(file, '')],
])('a trace that %s after the plan ends the run, by its name', async (_, change) => {
  const cwd = mkdtempSync(join(tmpdir(), 'changed-trace-'));
  const { config } = await planOf(cwd);
  expect((await plannedWorkload(config, 2)).workload.numRequests).toBe(2);
  change(join(cwd, 'rows.csv'));
  const error: unknown = await plannedWorkload(config, 3).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(String(error)).toContain('the trace rows.csv is not what it was when the run began');
});
