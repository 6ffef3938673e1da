import { expect, test } from 'vitest';
import { asGroupId, asInstanceId } from '../../harness/domain/ids.ts';
import type { ClusterEventKind, InstanceSample } from '../../harness/core/observer.ts';
import { CellRecorder } from '../../harness/metrics/recorder.ts';
import type { CellSummary } from '../../harness/metrics/results.ts';
import { nullSinks } from '../../harness/metrics/sinks.ts';
import { sample } from './records.ts';

const second = 1_000_000;

/** A run of ten seconds that cost 25 instance-seconds. */
function summaryOf(report: (recorder: CellRecorder) => void): CellSummary {
  const recorder = new CellRecorder({ classes: [], openSink: nullSinks });
  report(recorder);
  const cell = { id: 'a', policy: 'a', seed: 1, verifiedTokens: null, policyStats: {} };
  return recorder.finish({ ...cell, endedAtUs: 10 * second, instanceUs: 25 * second });
}

type Happening = readonly [atS: number, kind: ClusterEventKind, instance: number];

function summaryAfter(happenings: readonly Happening[]): CellSummary {
  return summaryOf((recorder) => {
    for (const [atS, kind, instance] of happenings) {
      recorder.clusterEvent({
        timeUs: atS * second,
        kind,
        instanceId: asInstanceId(instance),
        groupId: asGroupId(instance),
        detail: '',
      });
    }
  });
}

/** Two instances from the start. */
const two: readonly Happening[] = [
  [0, 'instanceReady', 0],
  [0, 'instanceReady', 1],
];

test('instances that are there from the start are neither asked for nor cold', () => {
  expect(summaryAfter(two)).toMatchObject({
    instance_seconds: 25,
    mean_instances: 2.5,
    peak_instances: 2,
    scale_up_count: 0,
    cold_start_seconds: 0,
    mean_cold_start_ms: null,
    drain_count: 0,
    drain_seconds: 0,
  });
});

test('cold starts count from asking to ready, release, failure or the end; their mean is over those that got there', () => {
  const summary = summaryAfter([
    ...two,
    [1, 'instanceRequested', 2],
    [1, 'instanceRequested', 3],
    [1, 'instanceRequested', 4],
    [2, 'startFailed', 2],
    [3, 'loadStarted', 2],
    [4, 'instanceReady', 2],
    [4, 'instanceStopped', 3],
    [6, 'instanceRequested', 5],
    [7, 'instanceFailed', 4],
    [8, 'instanceRequested', 6],
    [8.5, 'instanceReady', 6],
  ]);
  expect(summary).toMatchObject({
    scale_up_count: 5,
    start_failures: 1,
    // Instances 2 and 6 get there after 3 and 0.5 s; 3 and 4 wait in vain for 3 and 6 s, 5 to the end for 4 s.
    cold_start_seconds: 3 + 0.5 + 3 + 6 + 4,
    mean_cold_start_ms: 1750,
    peak_instances: 5,
  });
});

test('an instance that lost its group and serves alone again has not been started', () => {
  const summary = summaryAfter([...two, [2, 'instanceFailed', 0], [3, 'instanceReady', 1]]);
  expect(summary).toMatchObject({ scale_up_count: 0, mean_cold_start_ms: null, peak_instances: 2 });
});

test('drains count from their beginning to the release, a change of mind, a failure or the end', () => {
  const summary = summaryAfter([
    ...two,
    [1, 'drainStarted', 0],
    [2, 'drainCancelled', 0],
    [3, 'drainStarted', 0],
    [3.5, 'instanceStopped', 0],
    [4, 'drainStarted', 1],
    [5, 'instanceFailed', 1],
    [6, 'instanceRequested', 2],
    [7, 'instanceReady', 2],
    [8, 'drainStarted', 2],
  ]);
  expect(summary).toMatchObject({ drain_count: 4, drain_seconds: 1 + 0.5 + 1 + 2, peak_instances: 2 });
});

/** Rows of 100 bytes of KV memory, at one moment each. */
function fragmentationOf(moments: readonly (readonly Partial<InstanceSample>[])[]) {
  const summary = summaryOf((recorder) => {
    for (const [index, instances] of moments.entries()) {
      for (const [instance, changes] of instances.entries()) {
        recorder.sample({
          ...sample,
          timeUs: index * second,
          instanceId: asInstanceId(instance),
          headKvBytes: 0,
          ...changes,
        });
      }
    }
  });
  return [summary.fragmentation_ratio, summary.fragmentation_ratio_max];
}

const holding = (kvUsedBytes: number, headKvBytes = 0) => ({
  kvUsedBytes,
  kvFreeBytes: 100 - kvUsedBytes,
  headKvBytes,
});

test('fragmentation is what waits outside a memory that has room for it elsewhere', () => {
  // 10 + 30 + 40 free; the head of instance 0 needs 20 and has 10.
  expect(fragmentationOf([[holding(90, 20), holding(70), holding(60)]])).toEqual([20 / 300, 20 / 300]);
  // It fits where it is: it waits for something else.
  expect(fragmentationOf([[holding(70, 20), holding(70)]])).toEqual([0, 0]);
});

test('fragmentation serves the smallest demands first, and only while they fit', () => {
  // 10 + 10 + 25 free: 15, then 20 more, then 26 do not.
  const moment = [holding(90, 15), holding(90, 20), holding(75, 26)];
  expect(fragmentationOf([moment])).toEqual([35 / 300, 35 / 300]);
  expect(fragmentationOf([[holding(100, 15), holding(95)]])).toEqual([0, 0]);
});

test('fragmentation is averaged over the moments, and instances that do not serve have no part in it', () => {
  const fragmented = [holding(90, 20), holding(70), { ...holding(0), state: 'draining' as const }];
  const idle = [holding(0), holding(0)];
  expect(fragmentationOf([fragmented, idle])).toEqual([0.05, 0.1]);
  expect(fragmentationOf([[{ ...holding(90, 20), state: 'warming-up' }]])).toEqual([null, null]);
});
