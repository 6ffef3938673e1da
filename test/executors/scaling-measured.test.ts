import { describe, expect, it } from 'vitest';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { StartProfile } from '../../harness/domain/hardware.ts';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { exchange, restore, scripted } from '../core/scripted.ts';
import { at, groupOn, placed, swapIns } from './scripts.ts';
import { runVerified } from './verified-run.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

/** A request every 4 ms, for 80 ms. */
const specs = Array.from({ length: 20 }, (_, id) => {
  return request(id, id * 4000, 20 + ((id * 17) % 40), 15 + ((id * 7) % 20));
});

type Script = Omit<TinyRun, 'specs' | 'policies' | 'executor'> & {
  readonly start?: Partial<StartProfile>;
  readonly script: readonly PolicyDefinition[];
};

function runOf({ start, script, ...run }: Script): Omit<TinyRun, 'executor'> {
  return {
    specs,
    policies: [...script, leastLoaded, recompute],
    maxInstances: 3,
    blocks: 30,
    hardware: { start: { ...tinyHardware(20).start, ...start } },
    ...run,
  };
}

function play(script: Script): Collector {
  return runVerified(runOf(script)).seen;
}

function scaleUp(timeUs: number, numInstances = 1): PolicyDefinition {
  return at(timeUs, () => [{ kind: 'scaleUp', numInstances, reason: 'script' }]);
}

function drain(timeUs: number, groupId: number): PolicyDefinition {
  return at(timeUs, () => [{ kind: 'drain', groupId: asGroupId(groupId), reason: 'script' }]);
}

/** Moves everything from a group but what is in its prefill. */
function moveAll(timeUs: number, from: number, to: number): PolicyDefinition {
  return at(timeUs, (view) => {
    const { running, swapped, waiting } = groupOn(view, from)!;
    const groupId = groupOn(view, to)!.id;
    const moved = [...running, ...swapped, ...waiting].filter(({ status }) => status.kind !== 'prefilling');
    return moved.map(({ id }) => ({ kind: 'migrate', requestId: id, groupId, reason: 'script' }));
  });
}

function eventsOf({ events }: Collector, instanceId: number): string[] {
  return events.filter(({ instanceId: instance }) => instance === instanceId).map(({ kind }) => kind);
}

function timeOf({ events }: Collector, eventKind: string, instanceId: number): number {
  return events.find(({ kind, instanceId: instance }) => kind === eventKind && instance === instanceId)!
    .timeUs;
}

function servedBy({ requests }: Collector, group: number) {
  return requests.filter(({ groupId }) => groupId === group);
}

function expectAllFinished({ requests, decisions }: Collector): void {
  expect(requests.map(({ status }) => status)).toEqual(requests.map(() => 'finished'));
  expect(decisions.filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
}

describe('an instance that starts on TensorFlow', () => {
  it.each(['disk', 'host', 'peer'] as const)('serves with weights from %s', (weightsFrom) => {
    const seen = play({ script: [scaleUp(10_000)], start: { weightsFrom } });
    expectAllFinished(seen);
    const steps = ['instanceRequested', 'loadStarted', 'weightsLoaded', 'instanceReady'];
    expect(eventsOf(seen, 1)).toEqual(steps);
    const [loaded] = seen.events.filter(({ kind }) => kind === 'weightsLoaded');
    const [planned, real] = loaded!.detail.match(/\d+ B/g)!;
    expect(real).toBe(planned);
    const sources = seen.transfers.filter(({ kind }) => kind === 'weights').map(({ source }) => source);
    expect(new Set(sources)).toEqual(new Set([weightsFrom === 'peer' ? 0 : weightsFrom]));
    // Asked for at 10 ms, it waits 2 ms for the device, loads, and warms up for half one.
    const readyUs = timeOf(seen, 'instanceReady', 1);
    expect(timeOf(seen, 'loadStarted', 1)).toBe(12_000);
    expect(timeOf(seen, 'weightsLoaded', 1)).toBe(readyUs - 500);
    const starts = servedBy(seen, 1).map(({ firstScheduledAtUs }) => firstScheduledAtUs!);
    expect(starts.length).toBeGreaterThan(3);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(readyUs);
  });

  it('is tried again when its start fails', () => {
    const seen = play({ script: [scaleUp(10_000, 2)], start: { failureRatio: 0.6 } });
    expectAllFinished(seen);
    expect(seen.events.filter(({ kind }) => kind === 'startFailed').length).toBeGreaterThan(0);
    expect([1, 2].map((instance) => eventsOf(seen, instance).at(-1))).toEqual([
      'instanceReady',
      'instanceReady',
    ]);
  });

  it.each([
    ['provisioned', 11_000, ['instanceRequested']],
    ['loading', 12_100, ['instanceRequested', 'loadStarted']],
    ['warming up', 15_500, ['instanceRequested', 'loadStarted', 'weightsLoaded']],
  ] as const)('is released at once while it is %s', (_, timeUs, before) => {
    const seen = play({ script: [scaleUp(10_000), drain(timeUs, 1)] });
    expectAllFinished(seen);
    expect(eventsOf(seen, 1)).toEqual([...before, 'instanceStopped']);
    expect(timeOf(seen, 'instanceStopped', 1)).toBe(timeUs);
  });

  it.each([
    ['provisioned', 11_000],
    ['loading', 12_100],
    ['warming up', 15_500],
  ])('may fail while it is %s', (_, atUs) => {
    const seen = play({ script: [scaleUp(10_000)], faults: [{ instance: 1, atUs }] });
    expectAllFinished(seen);
    expect(eventsOf(seen, 1).at(-1)).toBe('instanceFailed');
    expect(servedBy(seen, 1)).toEqual([]);
  });

  it.each(['fails', 'is released'])('loads from elsewhere when the peer that it loads from %s', (how) => {
    const script = [placed((id) => (id < 12 ? 1 : 2)), scaleUp(10_000)];
    const hardware = {
      network: { bytesPerSecond: 10e6, latencyUs: 10 },
      start: { ...tinyHardware(20).start, weightsFrom: 'peer' },
    } as const;
    const common = { numInstances: 2, hardware };
    const undisturbed = runTiny(runOf({ ...common, script })).seen;
    // It loads from 12 ms on.
    const seen =
      how === 'fails'
        ? play({ ...common, script, faults: [{ instance: 0, atUs: 20_000 }] })
        : play({ ...common, script: [...script, drain(20_000, 0)] });
    const [before, after] = [undisturbed, seen].map(({ transfers }) =>
      transfers.filter(({ kind }) => kind === 'weights').map(({ source }) => source),
    );
    expect([before, after]).toEqual([[0], [1]]);
    expect(timeOf(seen, 'instanceReady', 2)).toBe(timeOf(undisturbed, 'instanceReady', 2) + 8000);
    expect(servedBy(seen, 2).length).toBeGreaterThan(3);
  });
});

describe('an instance that drains on TensorFlow', () => {
  const onFirst = placed(() => 0);

  it('serves what it has begun, takes nothing new, and is released with its last request', () => {
    const seen = play({ numInstances: 2, script: [onFirst, drain(20_000, 0)] });
    expectAllFinished(seen);
    const served = servedBy(seen, 0);
    expect(served.length).toBeGreaterThan(1);
    expect(Math.max(...served.map(({ firstScheduledAtUs }) => firstScheduledAtUs!))).toBeLessThan(20_000);
    expect(timeOf(seen, 'instanceStopped', 0)).toBe(Math.max(...served.map(({ endedAtUs }) => endedAtUs!)));
    expect(served.every(({ numPreemptions }) => numPreemptions === 0)).toBe(true);
  });

  it('is released earlier when its requests migrate away', () => {
    const alone = play({ numInstances: 2, script: [onFirst, drain(20_000, 0)] });
    const seen = play({ numInstances: 2, script: [onFirst, drain(20_000, 0), moveAll(20_000, 0, 1)] });
    expectAllFinished(seen);
    expect(seen.migrations.filter(({ abortReason }) => abortReason === undefined).length).toBeGreaterThan(1);
    expect(timeOf(seen, 'instanceStopped', 0)).toBeLessThan(timeOf(alone, 'instanceStopped', 0) - 5000);
  });

  it('waits for KV in its host memory, which follows its request to another instance', () => {
    const swapOne = at(15_000, (view) => {
      const requestId = groupOn(view, 0)!.running.at(0)!.id;
      return [{ kind: 'preempt', requestId, mode: 'swap', reason: 'script' }];
    });
    const seen = play({
      numInstances: 2,
      blocks: 60,
      script: [onFirst, swapOne, drain(20_000, 0), moveAll(70_000, 0, 1), swapIns(({ id }) => id === 1)],
    });
    expectAllFinished(seen);
    const { groupId, numSwaps } = seen.requests.find(({ id }) => id === 0)!;
    expect({ groupId, numSwaps }).toEqual({ groupId: 1, numSwaps: 1 });
    expect(servedBy(seen, 0).every(({ endedAtUs }) => endedAtUs! < 70_000)).toBe(true);
    const [swapIn] = seen.transfers.filter(({ kind }) => kind === 'swap-in');
    expect(swapIn).toMatchObject({ requestId: 0, source: 'host', target: 1 });
    expect(swapIn!.startedAtUs).toBeGreaterThanOrEqual(70_000);
    expect(timeOf(seen, 'instanceStopped', 0)).toBe(swapIn!.endedAtUs);
  });

  it('serves on when the drain is taken back', () => {
    const back = at(25_000, () => [{ kind: 'cancelDrain', groupId: asGroupId(0), reason: 'script' }]);
    const seen = play({ numInstances: 2, script: [onFirst, drain(20_000, 0), back] });
    expectAllFinished(seen);
    const later = servedBy(seen, 0).filter(({ firstScheduledAtUs }) => firstScheduledAtUs! > 20_000);
    expect(later.length).toBeGreaterThan(1);
    expect(later.every(({ firstScheduledAtUs }) => firstScheduledAtUs! >= 25_000)).toBe(true);
    expect(eventsOf(seen, 0)).toEqual(['instanceReady', 'drainStarted', 'drainCancelled']);
  });
});

it('a new instance takes over, the old one goes, the rest merge and split again: every token verified', () => {
  const dropRest = at(40_000, ({ groups }) => {
    const groupIds = groups.filter(({ phase }) => phase === 'serving').map(({ id }) => id);
    return [{ kind: 'drop', groupIds, transition: exchange, reason: 'script' }];
  });
  const seen = play({
    numInstances: 2,
    script: [
      placed((id) => (id < 5 ? 0 : 1)),
      scaleUp(5000),
      moveAll(20_000, 0, 2),
      drain(20_000, 0),
      dropRest,
      scripted([restore(55_000)]),
    ],
  });
  expectAllFinished(seen);
  const changes = seen.events.map(({ kind, instanceId, groupId }) => `${kind} ${instanceId ?? groupId}`);
  expect(changes.slice(2)).toEqual([
    'instanceRequested 2',
    'loadStarted 2',
    'weightsLoaded 2',
    'instanceReady 2',
    'drainStarted 0',
    'instanceStopped 0',
    'weightsDropped 1',
    'weightsDropped 2',
    'groupsMerged 3',
    'restoreStarted 3',
    'weightsLoaded 1',
    'weightsLoaded 2',
    'groupSplit 3',
    'groupRetired 3',
  ]);
  const migrations = seen.migrations.map(({ toInstanceId, abortReason }) => [toInstanceId, abortReason]);
  expect(migrations).toEqual([0, 1, 2, 3].map(() => [2, undefined]));
  expect(seen.transfers.some(({ kind }) => kind === 'exchange')).toBe(true);
});
