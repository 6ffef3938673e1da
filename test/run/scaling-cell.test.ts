import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CellSummary, cellSummarySchema } from '../../harness/metrics/results.ts';
import { clusterEventRows } from '../../harness/metrics/rows/cluster-event-row.ts';
import { decisionRows } from '../../harness/metrics/rows/decision-row.ts';
import { migrationRows } from '../../harness/metrics/rows/migration-row.ts';
import { timeseriesRows } from '../../harness/metrics/rows/timeseries-row.ts';
import { runCell } from '../../harness/run/cell.ts';
import { createPolicyResolver } from '../../harness/run/load-policy.ts';
import { loadConfig } from '../../harness/config/index.ts';
import { type Trace, traceProblems } from '../metrics/trace-problems.ts';

/*
 * One cell in which a restless policy merges, restores, migrates, starts and drains without pause, with starts and an
 * instance that fail: whatever stands twice in its files must agree.
 */
const dir = mkdtempSync(join(tmpdir(), 'scaling-cell-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };

const lengths = `promptTokens: { dist: uniform, min: 10, max: 200 }, outputTokens: { dist: uniform, min: 10, max: 80 }`;
const text = `model: tiny-llama
cluster: { instances: 3, maxInstances: 6, hardware: laptop-cell, faults: [{ instance: 1, atS: 0.4 }] }
execution: { mode: simulate, sampleIntervalMs: 5 }
classes: [{ name: chat, priority: 1 }, { name: batch }]
workload:
  - { kind: poisson, class: chat, rate: 100, durationS: 1, ${lengths} }
  - { kind: poisson, class: batch, rate: 50, durationS: 1, ${lengths} }
slo: { ttftMs: 50 }
policies: { restless: [least-loaded, ${join(import.meta.dirname, '../fixtures/plugins/restless.ts')}, recompute] }
`;

let summary: CellSummary;
beforeAll(async () => {
  writeFileSync(join(dir, 'config.yaml'), text);
  const config = await loadConfig({ file: 'config.yaml', cwd: dir, resolver: createPolicyResolver(guard) });
  const { hardware } = config.cluster;
  const provisioning = { meanUs: 30_000, cv: 0.5 };
  const start = { ...hardware.start, provisioning, warmUpUs: 5000, failureRatio: 0.3, backoffUs: 5000 };
  const cluster = { ...config.cluster, hardware: { ...hardware, diskBytesPerSecond: 1e9, start } };
  const job = { id: 'restless-s1', config: { ...config, cluster }, stackName: 'restless', seed: 1, dir };
  ({ summary } = await runCell(job, { onProgress() {}, guard }));
});

function read(file: string): string {
  return readFileSync(join(dir, file), 'utf8');
}

function rows<T>({ file, schema }: { file: string; schema: z.ZodType<T> }): T[] {
  const lines = read(file).trimEnd().split('\n');
  return lines.map((line) => schema.parse(JSON.parse(line)));
}

it('the cell has done all that it is about', () => {
  expect(cellSummarySchema.parse(summary)).toEqual(summary);
  const { migrations_aborted, migration_count, scale_up_count, start_failures, drain_count } = summary;
  for (const count of [migrations_aborted, migration_count, scale_up_count, start_failures, drain_count]) {
    expect(count).toBeGreaterThan(0);
  }
  const { chat, batch } = summary.classes;
  expect(chat!.offered + batch!.offered).toBe(summary.offered);
});

it('the summary of migrations is that of their rows', () => {
  const migrations = rows(migrationRows);
  const aborted = migrations.filter(({ outcome }) => outcome === 'aborted');
  expect(summary.migrations_aborted).toBe(aborted.length);
  expect(aborted.every(({ reason, downtime_us }) => reason !== undefined && downtime_us === null)).toBe(true);
  expect(summary.migrated_bytes).toBe(migrations.reduce((sum, { bytes }) => sum + bytes, 0));
  const downtimes = migrations.flatMap(({ downtime_us }) => downtime_us ?? []);
  expect(summary.max_migration_downtime_ms).toBe(Math.max(...downtimes) / 1000);
});

it('instance-seconds run from asking for an instance to its release or failure, or to the end', () => {
  const events = rows(clusterEventRows);
  const endUs = Number(read('timeseries.csv').trimEnd().split('\n').at(-1)!.split(',')[0]);
  const atUs = (instance: number, kinds: readonly string[]) =>
    events.find((event) => event.instance === instance && kinds.includes(event.kind))?.time_us;
  const ids = new Set(events.flatMap(({ instance }) => instance ?? []));
  let paidUs = 0;
  for (const id of ids) {
    const fromUs = atUs(id, ['instanceRequested', 'instanceReady'])!;
    paidUs += (atUs(id, ['instanceStopped', 'instanceFailed']) ?? endUs) - fromUs;
  }
  expect(summary.instance_seconds).toBe(paidUs / 1e6);
  expect(summary.mean_instances).toBe(paidUs / endUs);
  expect(summary.peak_instances).toBeLessThanOrEqual(6);
  expect(summary.peak_instances).toBeGreaterThanOrEqual(Math.ceil(paidUs / endUs));
  expect(summary.cold_start_seconds + summary.drain_seconds).toBeLessThan(summary.instance_seconds);
  expect(summary.scale_up_count).toBe(ids.size - 3);
});

it('decisions to scale are logged with their data, reason and outcome', () => {
  const decisions = rows(decisionRows);
  const asked = decisions.filter(({ kind, outcome }) => kind === 'scaleUp' && outcome === 'applied');
  const numAsked = asked.reduce((sum, { data }) => sum + Number(data['numInstances']), 0);
  expect(numAsked).toBe(summary.scale_up_count);
  expect(asked.every(({ reason }) => reason === 'the die')).toBe(true);
  const refused = decisions.filter(({ kind, outcome }) => kind === 'scaleUp' && outcome === 'rejected');
  expect(refused[0]?.error).toMatch(/exceed the budget of 6/);
});

it('the trace can be shown, and has migrations, states and scaling in it', () => {
  const trace = JSON.parse(read('trace.json')) as Trace;
  expect(traceProblems(trace)).toEqual([]);
  const migrations = rows(migrationRows);
  const spans = trace.traceEvents.filter(({ ph, cat, name }) => {
    return ph === 'b' && cat === 'migration' && name.startsWith('request');
  });
  expect(trace.otherData.left_out).toBe(0);
  expect(spans).toHaveLength(migrations.length);
  const states = new Set(trace.traceEvents.filter(({ cat }) => cat === 'state').map(({ name }) => name));
  expect([...states].toSorted()).toEqual(['draining', 'loading', 'provisioning', 'ready', 'warming-up']);
});

it('a sample has a field per column, and a released instance one last row', () => {
  const [header, ...samples] = read('timeseries.csv').trimEnd().split('\n');
  expect(header).toBe(timeseriesRows.header.trimEnd());
  const stateOf = new Map<string, string[]>();
  for (const line of samples) {
    const fields = line.split(',');
    expect(fields).toHaveLength(timeseriesRows.columns.length);
    stateOf.set(fields[1]!, [...(stateOf.get(fields[1]!) ?? []), fields[4]!]);
  }
  const released = [...stateOf.values()].filter((states) => states.includes('stopped'));
  expect(released.length).toBeGreaterThan(0);
  for (const states of released) {
    expect(states.indexOf('stopped')).toBe(states.length - 1);
  }
});
