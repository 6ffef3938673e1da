import { beforeAll, describe, expect, it } from 'vitest';
import {
  blockSizeTokens,
  type Collector,
  request,
  tinyModel,
  type TinyRun,
} from '../../harness/conformance/tiny-cluster.ts';
import { kvCellBytes } from '../../harness/core/model-shape.ts';
import type { Decision, MigrationProtocol, PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { exchange } from '../core/scripted.ts';
import { at, placed, swapInAtOnce } from './scripts.ts';
import { runVerified } from './verified-run.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;
const blockBytes = tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens);
const blocks = 20;
const startUs = 20_000;

/** Request 0 migrates from instance 0 to 1, in four stages; 1 runs beside it at the source, 2 at the target. */
const numStages = 4;
const live: MigrationProtocol = { kind: 'live', maxStages: 6, lastStageBlocks: 1 };
const mover = request(0, 0, 100, 110);
const others = [request(1, 0, 30, 30), request(2, 5000, 40, 70)];

interface Disturbed extends Omit<Partial<TinyRun>, 'policies'> {
  readonly protocol?: MigrationProtocol;
  readonly disturbers?: readonly PolicyDefinition[];
}

function play({ protocol = live, disturbers = [], ...run }: Disturbed = {}): Collector {
  const begin = at(startUs, () => [
    { kind: 'migrate', requestId: 0, groupId: 1, protocol, reason: 'script' },
  ]);
  const places = placed((id) => (id < 2 ? 0 : 1));
  return runVerified({
    specs: [mover, ...others],
    policies: [begin, ...disturbers, swapInAtOnce, places, leastLoaded, recompute],
    numInstances: 3,
    blocks,
    maxBatchTokens: 64,
    hardware: { network: { bytesPerSecond: 2.5e6, latencyUs: 10 } },
    ...run,
  }).seen;
}

/** What becomes of request 0 and of its one migration. */
function outcomeOf({ migrations, requests }: Collector) {
  expect(migrations).toHaveLength(1);
  const { abortReason, ...migration } = migrations[0]!;
  const { status, groupId, numPreemptions, numMigrations } = requests.find(({ id }) => id === 0)!;
  const isDone = abortReason === undefined;
  expect(numMigrations).toBe(isDone ? 1 : 0);
  return { isDone, abortReason, stages: migration.numStages, status, groupId, numPreemptions };
}

/** When each stage of an undisturbed migration begins and ends, and the tokens generated at its beginning. */
interface StageTimes {
  readonly beginsUs: number;
  readonly endsUs: number;
  readonly generated: number;
}

function learnStages(): StageTimes[] {
  const { transfers } = play();
  const times = transfers.filter(({ kind }) => kind === 'migration');
  const generated: number[] = [];
  const disturbers = times.map(({ requestedAtUs }) =>
    at(requestedAtUs, (view) => {
      generated.push(view.request(0)!.generatedTokens);
      return [];
    }),
  );
  play({ disturbers });
  return times.map(({ requestedAtUs: beginsUs, endedAtUs: endsUs }, index) => {
    return { beginsUs, endsUs, generated: generated[index]! };
  });
}

let stages: StageTimes[];
beforeAll(() => {
  stages = learnStages();
  console.log(stages);
});

describe('a request that migrates on TensorFlow', () => {
  it('live: runs on at its source but for the last stage, and no block travels twice', () => {
    const seen = play();
    expect(outcomeOf(seen)).toMatchObject({
      isDone: true,
      stages: numStages,
      groupId: 1,
      numPreemptions: 0,
      status: 'finished',
    });
    const { tokens, bytes, stoppedAtUs, endedAtUs } = seen.migrations[0]!;
    expect(bytes).toBe(Math.ceil((tokens - 1) / blockSizeTokens) * blockBytes);
    expect([stoppedAtUs, endedAtUs]).toEqual([stages[3]!.beginsUs, stages[3]!.endsUs]);
  });

  it('blocking: stops for one copy of everything', () => {
    const seen = play({ protocol: { kind: 'blocking' } });
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, stages: 1, groupId: 1, numPreemptions: 0 });
    const { tokens, bytes, stoppedAtUs, endedAtUs } = seen.migrations[0]!;
    expect(bytes).toBe(Math.ceil((tokens - 1) / blockSizeTokens) * blockBytes);
    const last = stages[3]!;
    expect(endedAtUs - stoppedAtUs!).toBeGreaterThan(5 * (last.endsUs - last.beginsUs));
  });

  it('recompute: copies nothing', () => {
    const seen = play({ protocol: { kind: 'recompute' } });
    expect(outcomeOf(seen)).toMatchObject({ isDone: true, stages: 0, groupId: 1, status: 'finished' });
    expect(seen.transfers.filter(({ kind }) => kind === 'migration')).toEqual([]);
    expect(seen.migrations[0]!.bytes).toBe(0);
  });
});

/** Each boundary between stages: the beginning of each (1 to 4), and the end of the last (5), one microsecond before it. */
const boundaries = [1, 2, 3, 4, 5] as const;

function timeOf(boundary: number): number {
  return stages[boundary - 1]?.beginsUs ?? stages[numStages - 1]!.endsUs - 1;
}

/** The stage that is under way there. */
function stageAt(boundary: number): number {
  return Math.min(boundary, numStages);
}

function decide(boundary: number, ...decisions: readonly Decision[]): Disturbed {
  return { disturbers: [at(timeOf(boundary), () => decisions)] };
}

describe.each(boundaries)('a migration on TensorFlow that meets with something at boundary %i', (boundary) => {
  const isStopped = boundary >= numStages;

  it.each(['recompute', 'swap'] as const)('the request is preempted by %s', (mode) => {
    const seen = play(decide(boundary, { kind: 'preempt', requestId: 0, mode, reason: 'script' }));
    console.log(boundary, mode, outcomeOf(seen), seen.decisions.filter(({ outcome }) => outcome === 'rejected'));
  });

  it('its source fails', () => {
    const seen = play({ faults: [{ instance: 0, atUs: timeOf(boundary) }] });
    console.log(boundary, 'source fails', outcomeOf(seen));
  });

  it('its target fails', () => {
    const seen = play({ faults: [{ instance: 1, atUs: timeOf(boundary) }] });
    console.log(boundary, 'target fails', outcomeOf(seen));
  });

  it('its target drains', () => {
    const seen = play(decide(boundary, { kind: 'drain', groupId: 1, reason: 'script' }));
    console.log(boundary, 'target drains', outcomeOf(seen));
  });

  it('its source drains', () => {
    const seen = play(decide(boundary, { kind: 'drain', groupId: 0, reason: 'script' }));
    console.log(boundary, 'source drains', outcomeOf(seen));
  });

  it.each([
    ['its source merges', [0, 2]],
    ['its target merges', [1, 2]],
    ['its source and its target merge', [0, 1]],
  ] as const)('%s', (_, groupIds) => {
    const drop: Decision = { kind: 'drop', groupIds, transition: exchange, reason: 'script' };
    const seen = play(decide(boundary, drop));
    console.log(boundary, _, outcomeOf(seen));
  });
});

describe.each([1, 2, 3])('a migration on TensorFlow, in stage %i', (stage) => {
  it('its request finishes', () => {
    for (const outputTokens of [stages[stage - 1]!.generated + 1, stages[stage]!.generated]) {
      const seen = play({ specs: [{ ...mover, outputTokens, outputLimitTokens: outputTokens }, ...others] });
      console.log(stage, 'finishes', outcomeOf(seen));
    }
  });

  it('its target fills up', () => {
  });
});
