import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { blockSizeTokens, tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import { kvCellBytes } from '../../harness/domain/model-shape.ts';
import type { Decision, MigrationProtocol, PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { exchange } from '../core/scripted.ts';
import { at, groupOn, placed, swapIns } from './scripts.ts';
import { runVerified } from './verified-run.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;
const blockBytes = tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens);
/** Request 0 migrates from instance 0 to 1, in four stages; 1 runs beside it at the source, 2 at the target. */
const numStages = 4;
const network = { bytesPerSecond: 2.5e6, latencyUs: 10 };
const live: MigrationProtocol = { kind: 'live', maxStages: 6, lastStageBlocks: 1 };
const mover = request(0, 0, 100, 90);
const others = [request(1, 0, 30, 20), request(2, 40_000, 40, 30)];

interface Scenario extends Omit<Partial<TinyRun>, 'policies'> {
  readonly protocol?: MigrationProtocol;
  readonly disturbers?: readonly PolicyDefinition[];
  readonly beginUs?: number;
}

function runOf(scenario: Scenario): Omit<TinyRun, 'executor'> {
  const { protocol = live, disturbers = [], beginUs = 20_000, ...run } = scenario;
  const begin = at(beginUs, (view) => [
    { kind: 'migrate', requestId: asRequestId(0), groupId: groupOn(view, 1)!.id, protocol, reason: 'script' },
  ]);
  const places = placed((id) => (id < 2 ? 0 : 1));
  return {
    specs: [mover, ...others],
    policies: [begin, ...disturbers, swapIns(), places, leastLoaded, recompute],
    numInstances: 3,
    blocks: 20,
    maxBatchTokens: 64,
    hardware: { network },
    ...run,
  };
}

function play(scenario: Scenario = {}): Collector {
  return runVerified(runOf(scenario)).seen;
}

/** Without TensorFlow, in the same virtual time. */
function simulate(scenario: Scenario = {}): Collector {
  return runTiny(runOf(scenario)).seen;
}

function dropOf(groupIds: readonly number[]): Decision {
  return { kind: 'drop', groupIds: groupIds.map(asGroupId), transition: exchange, reason: 'script' };
}

/** What becomes of request 0 and of its one migration. */
function outcomeOf({ migrations, requests }: Collector) {
  expect(requests.every(({ status }) => status === 'finished')).toBe(true);
  expect(migrations).toHaveLength(1);
  const { abortReason, numStages: stages } = migrations[0]!;
  const { groupId, numPreemptions, numMigrations } = requests.find(({ id }) => id === 0)!;
  const isDone = abortReason === undefined;
  expect(numMigrations).toBe(isDone ? 1 : 0);
  return { isDone, abortReason, stages, groupId, numPreemptions };
}

/** An undisturbed migration: when each stage begins and ends, and how many tokens the request has by then. */
const stages = (() => {
  const transfers = simulate().transfers.filter(({ kind }) => kind === 'migration');
  return transfers.map(({ requestedAtUs: beginsUs, endedAtUs: endsUs }) => {
    let generated = NaN;
    const look = at(beginsUs, (view) => {
      generated = view.request(asRequestId(0))!.generatedTokens;
      return [];
    });
    simulate({ disturbers: [look] });
    return { beginsUs, endsUs, generated };
  });
})();

const lastStage = stages.at(-1)!;

describe('a request that migrates on TensorFlow', () => {
  it('live: stops for the last of several stages, and no block travels twice', () => {
    const seen = play();
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, stages: numStages, groupId: 1, numPreemptions: 0 });
    const { tokens, bytes, stoppedAtUs, endedAtUs } = seen.migrations[0]!;
    expect(bytes).toBe(Math.ceil((tokens - 1) / blockSizeTokens) * blockBytes);
    expect([stoppedAtUs, endedAtUs]).toEqual([lastStage.beginsUs, lastStage.endsUs]);
  });

  it('blocking: stops for the whole copy', () => {
    const seen = play({ protocol: { kind: 'blocking' } });
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, stages: 1, groupId: 1, numPreemptions: 0 });
    const { tokens, bytes, stoppedAtUs, endedAtUs } = seen.migrations[0]!;
    expect(bytes).toBe(Math.ceil((tokens - 1) / blockSizeTokens) * blockBytes);
    const stoppedUs = endedAtUs - stoppedAtUs!;
    const copyUs = network.latencyUs + (bytes / network.bytesPerSecond) * 1e6;
    expect(Math.abs(stoppedUs - copyUs)).toBeLessThanOrEqual(1);
    // Live, two blocks of seven are left for the last stage.
    expect(stoppedUs).toBeGreaterThan(3 * (lastStage.endsUs - lastStage.beginsUs));
  });

  it('recompute: copies nothing', () => {
    const seen = play({ protocol: { kind: 'recompute' } });
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, stages: 0, groupId: 1 });
    expect(seen.migrations[0]).toMatchObject({ bytes: 0 });
    expect(seen.transfers.some(({ kind }) => kind === 'migration')).toBe(false);
  });
});

describe.each([
  ['to', [1, 2], 20_000],
  ['from', [0, 2], 40_000],
] as const)('a request that migrates %s a pipeline on TensorFlow', (direction, groupIds, beginUs) => {
  it.each([live, { kind: 'blocking' }, { kind: 'recompute' }] as const)('$kind', (protocol) => {
    const merge = at(1000, () => [dropOf(groupIds)]);
    const seen = play({ protocol, disturbers: [merge], beginUs });
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, groupId: direction === 'to' ? 3 : 1 });
    const moves = seen.transfers.filter(({ kind }) => kind === 'migration');
    const ends = new Set(moves.map(({ source, target }) => `${source} to ${target}`));
    const pairs = direction === 'to' ? ['0 to 1', '0 to 2'] : ['0 to 1', '2 to 1'];
    expect([...ends].toSorted()).toEqual(protocol.kind === 'recompute' ? [] : pairs);
    expect(seen.migrations[0]!.bytes).toBe(moves.reduce((sum, { bytes }) => sum + bytes, 0));
  });
});

/** Every boundary between two stages, and the moments before the request is stopped and before the last byte has come. */
const moments = [
  { name: 'as stage 1 begins', stage: 1, request: 'runs', timeUs: stages[0]!.beginsUs },
  { name: 'as stage 2 begins', stage: 2, request: 'runs', timeUs: stages[1]!.beginsUs },
  { name: 'as stage 3 begins', stage: 3, request: 'runs', timeUs: stages[2]!.beginsUs },
  { name: 'in the last step at the source', stage: 3, request: 'is to stop', timeUs: lastStage.beginsUs - 1 },
  { name: 'as the last stage begins', stage: 4, request: 'is stopped', timeUs: lastStage.beginsUs },
  { name: 'before the last stage ends', stage: 4, request: 'is stopped', timeUs: lastStage.endsUs - 1 },
] as const;

function decide(timeUs: number, decision: Decision): Scenario {
  return { disturbers: [at(timeUs, () => [decision])] };
}

/** What a policy wants with a request in a step happens when it comes back; its stop for the migration comes first. */
const runs = moments.filter((moment) => moment.request === 'runs');
const stops = moments.filter((moment) => moment.request !== 'runs');

function preempt(timeUs: number, mode: 'recompute' | 'swap'): Scenario {
  return decide(timeUs, { kind: 'preempt', requestId: asRequestId(0), mode, reason: 'script' });
}

describe.each(runs)('a migration on TensorFlow, $name', ({ stage, timeUs }) => {
  it.each(['recompute', 'swap'] as const)('is aborted when its request is preempted (%s)', (mode) => {
    const seen = play(preempt(timeUs, mode));
    expect(outcomeOf(seen)).toMatchObject({ isDone: false, stages: stage, groupId: 0, numPreemptions: 1 });
    const swaps = seen.transfers.filter(({ kind }) => kind.startsWith('swap'));
    expect(swaps).toHaveLength(mode === 'swap' ? 2 : 0);
  });
});

describe.each(stops)('a migration on TensorFlow, $name', ({ timeUs }) => {
  it("is aborted when its request, the target's by now, is to be computed again", () => {
    const outcome = outcomeOf(play(preempt(timeUs, 'recompute')));
    expect(outcome).toMatchObject({ isDone: false, stages: numStages, groupId: 1, numPreemptions: 1 });
  });

  it('does not let its request be swapped', () => {
    const seen = play(preempt(timeUs, 'swap'));
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, groupId: 1, numPreemptions: 0 });
    expect(seen.decisions.find(({ kind }) => kind === 'preempt')).toMatchObject({ outcome: 'rejected' });
  });
});

describe.each(moments)('a migration on TensorFlow, $name', ({ stage, request: doing, timeUs }) => {
  const isStopped = doing === 'is stopped';

  it('is aborted when its target fails, and the request runs on at its source', () => {
    const outcome = outcomeOf(play({ faults: [{ instance: 1, atUs: timeUs }] }));
    expect(outcome).toMatchObject({ isDone: false, stages: stage, groupId: 0, numPreemptions: 0 });
    expect(outcome.abortReason).toBe('instance 1 has failed');
  });

  it('is aborted when its target drains, unless the request is there already', () => {
    const seen = play(decide(timeUs, { kind: 'drain', groupId: asGroupId(1), reason: 'script' }));
    const outcome = outcomeOf(seen);
    expect(outcome).toMatchObject({ isDone: isStopped, stages: stage, numPreemptions: 0 });
    expect(outcome.groupId).toBe(isStopped ? 1 : 0);
    const stop = seen.events.find(({ kind, instanceId }) => kind === 'instanceStopped' && instanceId === 1)!;
    const last = seen.requests.filter(({ groupId }) => groupId === 1).map(({ endedAtUs }) => endedAtUs!);
    expect(stop.timeUs).toBe(Math.max(timeUs, ...last));
  });

  it('is aborted when its source fails, and the request is computed again elsewhere', () => {
    const seen = play({ faults: [{ instance: 0, atUs: timeUs }] });
    const outcome = outcomeOf(seen);
    expect(outcome).toMatchObject({ isDone: false, stages: stage, numPreemptions: 1 });
    expect(outcome.groupId).not.toBe(0);
  });

  it('comes to its end when its source drains, which then is released', () => {
    const seen = play(decide(timeUs, { kind: 'drain', groupId: asGroupId(0), reason: 'script' }));
    expect(outcomeOf(seen)).toEqual({ isDone: true, stages: 4, groupId: 1, numPreemptions: 0 });
    expect(seen.events.some(({ kind, instanceId }) => kind === 'instanceStopped' && instanceId === 0)).toBe(
      true,
    );
  });

  it.each([
    ['its source', [0, 2]],
    ['its target', [1, 2]],
    ['its source with its target', [0, 1]],
  ] as const)('loses no token when a drop merges %s', (merged, groupIds) => {
    const seen = play(decide(timeUs, dropOf(groupIds)));
    const { isDone, abortReason, numPreemptions } = outcomeOf(seen);
    expect(numPreemptions).toBe(0);
    const merges = seen.events.filter(({ kind }) => kind === 'groupsMerged');
    expect(merges).toHaveLength(1);
    // A merge waits for the steps under way: the request may have been stopped, or have arrived, before it.
    const isLeftAlone = merged === 'its source' ? doing !== 'runs' : merges[0]!.timeUs > lastStage.endsUs;
    expect(isDone).toBe(isLeftAlone);
    if (!isDone) expect(abortReason).toMatch(/merges with others/);
  });
});

describe.each([1, 2, 3])('a migration on TensorFlow, in stage %i', (stage) => {
  const { generated } = stages[stage - 1]!;
  const generatedLater = stages[stage]!.generated;

  it.each([
    ['first', generated + 1],
    ['last', generatedLater],
  ])('is aborted when its request finishes with the %s token of the stage', (_, outputTokens) => {
    const specs = [request(0, 0, mover.promptTokens, outputTokens), ...others];
    const outcome = outcomeOf(play({ specs }));
    expect(outcome).toMatchObject({ isDone: false, stages: stage, groupId: 0, numPreemptions: 0 });
  });

  it('is aborted when its target is full before the next', () => {
    /** Prompt of a request that grows at the target until it is full just then. */
    const prompts = Array.from({ length: 50 }, (__, index) => 20 + 4 * index);
    const scenarios = prompts.map((prompt) => ({ specs: [mover, request(2, 0, prompt, 150)] }));
    const scenario = scenarios.find((each) => {
      const [migration] = simulate(each).migrations;
      return migration?.numStages === stage && migration.abortReason?.startsWith('no room') === true;
    })!;
    const seen = play(scenario);
    expect(outcomeOf(seen)).toMatchObject({ isDone: false, stages: stage, groupId: 0 });
    expect(seen.migrations[0]!.abortReason).toMatch(/^no room for/);
  });
});

it('is refused by a target that has no room for what the request has already', () => {
  const seen = play({ specs: [mover, request(2, 0, 200, 60)], blocks: 18 });
  expect(seen.migrations).toEqual([]);
  expect(seen.decisions.find(({ kind }) => kind === 'migrate')).toMatchObject({
    outcome: 'rejected',
    error: expect.stringMatching(/no room/),
  });
});
