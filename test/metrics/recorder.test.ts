import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EnvironmentError, InvariantError } from '../../harness/base/errors.ts';
import { asRequestId } from '../../harness/domain/ids.ts';
import { CellRecorder } from '../../harness/metrics/recorder.ts';
import { type CellSummary, cellSummarySchema } from '../../harness/metrics/results.ts';
import { FileSink, fileSinks, nullSinks } from '../../harness/metrics/sinks.ts';
import type { RunTotals } from '../../harness/metrics/tallied.ts';
import {
  clusterEvent,
  dispatch,
  finishedRequest,
  interactive,
  migration,
  preemption,
  rejectedRequest,
  sample,
  stage,
  transfer,
} from './records.ts';

const totals: RunTotals = {
  id: 'swap-1',
  policy: 'swap',
  seed: 1,
  endedAtUs: 11_000_000,
  instanceUs: 6_000_000,
  verifiedTokens: null,
  policyStats: { 'kunserve.merges': 3, 'kunserve.cost_error': null },
};

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'recorder-'));
});
afterEach(() => {
  chmodSync(dir, 0o700);
  rmSync(dir, { recursive: true });
});

function newRecorder(openSink = nullSinks): CellRecorder {
  return new CellRecorder({ classes: [interactive, { name: 'batch', priority: 0, slo: {} }], openSink });
}

function reportAll(recorder: CellRecorder): void {
  recorder.decision(dispatch);
  recorder.decision({ ...preemption, outcome: 'rejected', error: 'gone' });
  recorder.sample(sample);
  recorder.sample({ ...sample, timeUs: 1_000_000, kvUsedBytes: 300, kvFreeBytes: 100 });
  recorder.stageEnded(stage);
  recorder.transferEnded({ ...transfer, kind: 'swap-out', target: 'host' });
  recorder.transferEnded(transfer);
  recorder.migrationEnded(migration);
  recorder.clusterEvent(clusterEvent);
  for (let token = 1; token < 10; token += 1) recorder.tokenGap(20_000, 0);
  recorder.requestEnded(finishedRequest);
  recorder.requestEnded(rejectedRequest);
}

function summaryOf(report: (recorder: CellRecorder) => void): CellSummary {
  const recorder = newRecorder();
  report(recorder);
  return cellSummarySchema.parse(recorder.finish(totals));
}

test('the summary holds what was reported, by the declared formulas', () => {
  expect(summaryOf(reportAll)).toMatchObject({
    id: 'swap-1',
    offered: 2,
    completed: 1,
    rejected: 1,
    duration_ms: 380,
    total_input_tokens: 100,
    total_output_tokens: 10,
    request_throughput: 1 / 0.38,
    output_throughput: 10 / 0.38,
    p50_ttft_ms: 200,
    num_ttft_samples: 1,
    mean_tpot_ms: 20,
    max_itl_ms: 20,
    mean_e2el_ms: 380,
    mean_queueing_delay_ms: 50,
    mean_normalized_latency_ms: 38,
    slo_attainment: 0.5,
    goodput_rps: 1 / 0.38,
    instance_seconds: 6,
    kv_usage_ratio: 0.5,
    kv_usage_ratio_max: 0.75,
    busy_ratio: 0.0005,
    bubble_ratio: 0.25,
    swapped_bytes: 4096,
    generated_tokens: 10,
    verified_tokens: null,
    decisions_rejected: 1,
    policy_stats: { 'kunserve.merges': 3, 'kunserve.cost_error': null },
  });
});

test('KV usage weighs by the memory that there was, as drops, restores and failures change it', () => {
  const summary = summaryOf((recorder) => {
    recorder.sample({ ...sample, timeUs: 0, kvUsedBytes: 100, kvFreeBytes: 300 });
    recorder.sample({ ...sample, timeUs: 1_000_000, kvUsedBytes: 300, kvFreeBytes: 500 });
    recorder.sample({ ...sample, timeUs: 2_000_000, kvUsedBytes: 0, kvFreeBytes: 0 });
  });
  // In use: 200 byte-seconds, then 150. There were: 600, then 400.
  expect(summary.kv_usage_ratio).toBe(0.35);
  expect(summary.kv_usage_ratio_max).toBe(0.375);
});

test('migrations: bytes of all, downtime of those that were completed with their KV', () => {
  const summary = summaryOf((recorder) => {
    // 40, 100 and 300 us; one that is aborted, one that is computed again.
    recorder.migrationEnded(migration);
    recorder.migrationEnded({ ...migration, stoppedAtUs: 300 });
    recorder.migrationEnded({ ...migration, protocol: 'blocking', stoppedAtUs: 100 });
    recorder.migrationEnded({ ...migration, bytes: 1000, abortReason: 'full' });
    recorder.migrationEnded({ ...migration, bytes: 0, protocol: 'recompute', stoppedAtUs: 400 });
    recorder.requestEnded({ ...finishedRequest, numMigrations: 3 });
  });
  expect(summary).toMatchObject({
    migration_count: 3,
    migrations_aborted: 1,
    migrated_bytes: 3 * 8192 + 1000,
    max_migration_downtime_ms: 0.3,
  });
  expect(summary.mean_migration_downtime_ms).toBeCloseTo(0.44 / 3, 12);
  // Linear between the order statistics: 0.1 + 0.98 * 0.2.
  expect(summary.p99_migration_downtime_ms).toBeCloseTo(0.296, 12);
});

test('a class has its own latencies and counts, and a class without requests has none', () => {
  const summary = summaryOf((recorder) => {
    for (const [id, delayUs] of [0, 100_000, 500_000].entries()) {
      const { firstTokenAtUs = 0, endedAtUs = 0 } = finishedRequest;
      const times = { firstTokenAtUs: firstTokenAtUs + delayUs, endedAtUs: endedAtUs + delayUs };
      recorder.requestEnded({ ...finishedRequest, id: asRequestId(id), ...times });
    }
  });
  expect(summary.classes['interactive']).toMatchObject({
    offered: 3,
    completed: 3,
    mean_ttft_ms: 400,
    p50_ttft_ms: 300,
    p99_ttft_ms: 692,
    p999_ttft_ms: 699.2,
    p50_tpot_ms: 20,
    p99_tpot_ms: 20,
    p999_tpot_ms: 20,
    p50_e2el_ms: 480,
    p99_e2el_ms: 872,
    p999_e2el_ms: 879.2,
    slo_attainment: 2 / 3,
  });
  const { offered, completed, ...others } = summary.classes['batch']!;
  expect([offered, completed]).toEqual([0, 0]);
  expect(new Set(Object.values(others))).toEqual(new Set([null]));
  expect(summary).toMatchObject({ mean_ttft_ms: 400, p50_e2el_ms: 480 });
});

test('drops, restores and the KV that follows them are counted, and nothing else', () => {
  const kinds = [
    'instanceReady',
    'weightsDropped',
    'groupsMerged',
    'groupsMerged',
    'restoreStarted',
    'groupSplit',
    'groupRetired',
  ] as const;
  const summary = summaryOf((recorder) => {
    for (const kind of kinds) recorder.clusterEvent({ ...clusterEvent, kind });
    for (const kind of [
      'exchange',
      'exchange',
      'migration',
      'activations',
      'attention',
      'weights',
    ] as const) {
      recorder.transferEnded({ ...transfer, kind, bytes: 1000 });
    }
  });
  expect(summary).toMatchObject({ drop_count: 2, restore_count: 1, exchanged_bytes: 2000, swapped_bytes: 0 });
});

test('stalls are averaged over the requests that were stalled, however they ended', () => {
  const stallsUs = [0, 3000, 6000, 0];
  const summary = summaryOf((recorder) => {
    for (const [id, stalledUs] of stallsUs.entries()) {
      recorder.requestEnded({
        ...finishedRequest,
        id: asRequestId(id),
        stalledUs,
        status: id === 2 ? 'failed' : 'finished',
      });
    }
  });
  expect(summary).toMatchObject({ stalled_requests: 2, mean_stalled_ms: 4.5, max_stalled_ms: 6 });
});

test('an empty run is null where a metric is undefined, never NaN', () => {
  const summary = summaryOf(() => {});
  expect(summary).toMatchObject({
    offered: 0,
    duration_ms: 0,
    goodput_rps: null,
    p99_ttft_ms: null,
    max_itl_ms: null,
  });
  expect(summary).toMatchObject({
    slo_attainment: null,
    kv_usage_ratio: null,
    busy_ratio: 0,
    bubble_ratio: null,
    mean_stalled_ms: null,
    max_stalled_ms: null,
    mean_cold_start_ms: null,
    fragmentation_ratio: null,
    mean_migration_downtime_ms: null,
    peak_instances: 0,
  });
});

test('failed, rejected and unfinished requests are misses; aborted ones do not count', () => {
  const statuses = ['finished', 'failed', 'rejected', 'unfinished', 'aborted', 'aborted'] as const;
  const summary = summaryOf((recorder) => {
    for (const [id, status] of statuses.entries())
      recorder.requestEnded({ ...finishedRequest, id: asRequestId(id), status });
  });
  expect(summary.slo_attainment).toBe(1 / 4);
  expect(summary.classes['interactive']).toMatchObject({ offered: 6, completed: 1, slo_attainment: 1 / 4 });
});

test('an open request lasts until the end of the run', () => {
  const summary = summaryOf((recorder) => {
    recorder.requestEnded({ ...finishedRequest, status: 'unfinished', endedAtUs: undefined });
  });
  expect(summary.duration_ms).toBe(10_000);
  expect(summary.goodput_rps).toBe(0);
});

test('a class without targets is met by finishing and has no attainment of its own', () => {
  const summary = summaryOf((recorder) => {
    recorder.requestEnded({ ...finishedRequest, className: 'batch', firstTokenAtUs: 900_000_000 });
  });
  expect(summary.slo_attainment).toBe(1);
  expect(summary.classes['batch']?.slo_attainment).toBeNull();
});

test('an undeclared class is our own bug', () => {
  expect(() => newRecorder().requestEnded({ ...finishedRequest, className: 'typo' })).toThrow(InvariantError);
});

const files = [
  'requests.jsonl',
  'decisions.jsonl',
  'timeseries.csv',
  'transfers.jsonl',
  'migrations.jsonl',
  'events.jsonl',
  'trace.json',
];

test('every file is written, the same bytes each time', () => {
  const contents = ['first', 'second'].map((round) => {
    const recorder = newRecorder((name) => new FileSink(join(dir, `${round}-${name}`)));
    reportAll(recorder);
    recorder.finish(totals);
    return files.map((name) => readFileSync(join(dir, `${round}-${name}`), 'utf8'));
  });
  expect(contents[0]).toEqual(contents[1]);
  expect(contents[0]!.map((text) => text.trimEnd().split('\n').length).slice(0, 6)).toEqual([
    2, 2, 3, 2, 1, 1,
  ]);
});

test('long files arrive whole, characters of several bytes included', () => {
  const sink = new FileSink(join(dir, 'long'));
  const lines = Array.from({ length: 40_000 }, (_, i) => `${i} é漢🙂\n`);
  for (const line of lines) sink.write(line);
  sink.close();
  sink.close();
  expect(readFileSync(join(dir, 'long'), 'utf8')).toBe(lines.join(''));
});

test('a folder that is not there names the file', () => {
  const missing = fileSinks(join(dir, 'missing'));
  const open = () => newRecorder(missing);
  expect(open).toThrow(EnvironmentError);
  expect(open).toThrow(/requests\.jsonl.*no such file/i);
});

test.runIf(process.getuid?.() !== 0)('a read-only folder gives a remedy', () => {
  chmodSync(dir, 0o500);
  expect(() => newRecorder(fileSinks(dir))).toThrow(
    expect.objectContaining({ remedy: expect.stringMatching(/writ/) }),
  );
});

test.runIf(existsSync('/dev/full'))('a full disk surfaces with the file and a remedy', () => {
  const sink = new FileSink('/dev/full');
  sink.write('x');
  const close = () => sink.close();
  expect(close).toThrow(
    expect.objectContaining({ code: 'environment', remedy: expect.stringMatching(/Free space/) }),
  );
  expect(close).not.toThrow();
});

test('when one file cannot be completed the others are, and the first error is told', () => {
  const recorder = newRecorder(
    (name) => new FileSink(name === 'decisions.jsonl' ? '/dev/full' : join(dir, name)),
  );
  reportAll(recorder);
  expect(() => recorder.close()).toThrow(EnvironmentError);
  expect(readFileSync(join(dir, 'events.jsonl'), 'utf8')).toContain('instanceReady');
});

test('with a steady window only requests that arrive in it count, and throughput is of those that end in it', () => {
  const window = { startUs: 1_000_000, endUs: 2_000_000 };
  const recorder = new CellRecorder({ classes: [interactive], window, openSink: nullSinks });
  const at = (arrivedAtUs: number, endedAtUs: number, id: number) =>
    recorder.requestEnded({
      ...finishedRequest,
      id: asRequestId(id),
      arrivedAtUs,
      endedAtUs,
      firstTokenAtUs: endedAtUs - 100,
    });
  at(0, 900_000, 0);
  at(999_999, 1_500_000, 1);
  at(1_000_000, 1_600_000, 2);
  at(1_999_999, 2_500_000, 3);
  at(2_000_000, 2_600_000, 4);
  recorder.tokenGap(5000, 999_999);
  recorder.tokenGap(7000, 1_000_000);
  expect(recorder.finish({ ...totals, endedAtUs: 3_000_000 })).toMatchObject({
    offered: 2,
    completed: 2,
    duration_ms: 1000,
    request_throughput: 2,
    output_throughput: 20,
    p99_itl_ms: expect.closeTo(7, 1) as number,
  });
});

test('a run that ends inside of the steady window has as much of it as there was', () => {
  const window = { startUs: 1_000_000, endUs: 9_000_000 };
  const recorder = new CellRecorder({ classes: [interactive], window, openSink: nullSinks });
  recorder.requestEnded(finishedRequest);
  expect(recorder.finish({ ...totals, endedAtUs: 1_500_000 }).duration_ms).toBe(500);
});
