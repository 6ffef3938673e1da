import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { blockSizeTokens, tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { MigrationRecord } from '../../harness/core/observer.ts';
import type { ClusterView, MigrationProtocol } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { type Act, decide, drop, migrate, restore, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

/** A copy of one block takes about a millisecond, a step some tenths: several tokens are generated during each stage. */
const slowNetwork = { network: { bytesPerSecond: 8e6, latencyUs: 100 } };
const manyStages: MigrationProtocol = { kind: 'live', maxStages: 8, lastStageBlocks: 1 };

/** Request 0 goes to group 1 as soon as it decodes. */
function begin(protocol: MigrationProtocol = manyStages): Act {
  return {
    atUs: 0,
    decide: (view) =>
      view.request(asRequestId(0))?.status.kind === 'decoding'
        ? [{ kind: 'migrate', requestId: asRequestId(0), groupId: asGroupId(1), protocol, reason: 'script' }]
        : [],
  };
}

/** Request 0 goes to group 0, request 1 to group 1, and so on; then the script. */
function run(acts: readonly Act[], options: Partial<TinyRun> = {}) {
  return runTiny({
    specs: [request(0, 0, 100, 60), request(1, 0, 20, 60)],
    policies: [scripted(acts), leastLoaded, recompute],
    blocks: 40,
    numInstances: 2,
    maxBatchTokens: 200,
    ...options,
    hardware: { ...slowNetwork, ...options.hardware },
  });
}

const downtimeUs = ({ stoppedAtUs, endedAtUs }: MigrationRecord) => endedAtUs - (stoppedAtUs ?? Number.NaN);

/** For how long requests of several lengths are stopped. */
function downtimes(protocol: MigrationProtocol): number[] {
  return [128, 256, 512, 1024].map((promptTokens) => {
    const { seen } = run([begin(protocol)], {
      specs: [request(0, 0, promptTokens, 200)],
      blocks: 100,
      maxBatchTokens: 2000,
    });
    expect(seen.migrations).toMatchObject([{ abortReason: undefined, protocol: protocol.kind }]);
    return downtimeUs(seen.migrations[0] as MigrationRecord);
  });
}

/** Why decisions of the script were refused. */
function refusals(acts: readonly Act[]): (string | undefined)[] {
  const { decisions } = run(acts).seen;
  return decisions.filter(({ outcome }) => outcome === 'rejected').map(({ error }) => error);
}

/** Bringing a request back in from host memory is the business of the swap policy alone. */
function stack(acts: readonly Act[]) {
  return [scripted(acts), leastLoaded, policies.swap, recompute];
}

describe('a live migration', () => {
  it('copies while the request runs, stops it for the last blocks only, and it goes on at its target', () => {
    const { seen } = run([begin()]);
    const [migration] = seen.migrations;
    expect(migration).toMatchObject({ requestId: 0, fromGroupId: 0, toGroupId: 1, abortReason: undefined });
    expect(migration?.numStages).toBeGreaterThanOrEqual(2);
    expect(migration?.bytes).toBe(
      seen.transfers.filter(({ kind }) => kind === 'migration').reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const record = seen.requests.find(({ id }) => id === 0);
    expect(record).toMatchObject({ status: 'finished', groupId: 1, numMigrations: 1, generatedTokens: 60 });
    expect(record?.stalledUs).toBe(downtimeUs(migration as MigrationRecord));
    // It computed at its source while the first stage was on its way.
    const copying = seen.stages.filter(
      ({ instanceId, startedAtUs }) =>
        instanceId === 0 &&
        startedAtUs > (migration?.startedAtUs ?? 0) &&
        startedAtUs < (migration?.stoppedAtUs ?? 0),
    );
    expect(copying.length).toBeGreaterThan(3);
  });

  it('stops the request for as long whatever its length; a blocking copy for longer the longer it is', () => {
    const live = downtimes({ kind: 'live', maxStages: 8, lastStageBlocks: 1 });
    // One block or two, of up to 66.
    expect(Math.max(...live)).toBeLessThan(2.2 * Math.min(...live));
    const blocking = downtimes({ kind: 'blocking' });
    expect((blocking[3] as number) / (blocking[0] as number)).toBeGreaterThan(6);
    expect(Math.max(...live)).toBeLessThan(Math.min(...blocking));
  });

  it('costs a handshake before every stage: the request runs on but in the last', () => {
    const handshakeUs = 3000;
    const one = { specs: [request(0, 0, 100, 200)] };
    const migrationOf = (protocol: MigrationProtocol, hardware: TinyRun['hardware']) => {
      const { seen } = run([begin(protocol)], { ...one, hardware: { ...slowNetwork, ...hardware } });
      return { migration: seen.migrations[0] as MigrationRecord, seen };
    };
    const free = migrationOf({ kind: 'blocking' }, {}).migration;
    const blocking = migrationOf({ kind: 'blocking' }, { migrationHandshakeUs: handshakeUs }).migration;
    expect(downtimeUs(blocking)).toBe(downtimeUs(free) + handshakeUs);
    const { migration, seen } = migrationOf(manyStages, { migrationHandshakeUs: handshakeUs });
    const transfers = seen.transfers.filter(({ kind }) => kind === 'migration');
    expect(transfers).toHaveLength(migration.numStages);
    const begins = [migration.startedAtUs, ...transfers.slice(0, -2).map(({ endedAtUs }) => endedAtUs)];
    for (const [index, beginsUs] of [...begins, migration.stoppedAtUs ?? 0].entries())
      expect(transfers[index]?.requestedAtUs).toBe(beginsUs + handshakeUs);
    expect(migration.numStages).toBeGreaterThan(2);
    expect(seen.requests[0]).toMatchObject({ status: 'finished', generatedTokens: 200, groupId: 1 });
    const recomputed = migrationOf({ kind: 'recompute' }, { migrationHandshakeUs: handshakeUs }).migration;
    expect(downtimeUs(recomputed)).toBe(0);
  });

  it('sends nothing when it is over before its handshake is', () => {
    const { seen } = run([begin()], {
      specs: [request(0, 0, 100, 4)],
      hardware: { ...slowNetwork, migrationHandshakeUs: 50_000 },
    });
    expect(seen.migrations).toMatchObject([{ abortReason: 'the request ended or was given up' }]);
    expect(seen.transfers).toEqual([]);
    expect(seen.requests).toMatchObject([{ status: 'finished', numMigrations: 0 }]);
  });

  it('takes memory on both sides while it lasts, and leaves none behind', () => {
    const bothSides: boolean[] = [];
    const watch = (view: ClusterView) => {
      if (view.request(asRequestId(0))?.migratesTo === undefined) return;
      bothSides.push(
        view.instances.every(({ usedCells }) => usedCells >= 4 * Math.floor(100 / blockSizeTokens)),
      );
    };
    const { seen } = run([], {
      specs: [request(0, 0, 100, 60)],
      policies: [scripted([begin()], watch), leastLoaded, recompute],
    });
    expect(bothSides.length).toBeGreaterThan(10);
    expect(bothSides).not.toContain(false);
    expect(seen.samples.slice(-2)).toMatchObject([{ kvUsedBytes: 0 }, { kvUsedBytes: 0 }]);
  });

  it('by recomputation gives the KV up, and keeps the tokens', () => {
    const { seen } = run([begin({ kind: 'recompute' })]);
    expect(seen.migrations).toMatchObject([{ protocol: 'recompute', numStages: 0, bytes: 0 }]);
    expect(seen.requests.find(({ id }) => id === 0)).toMatchObject({
      status: 'finished',
      groupId: 1,
      numPreemptions: 0,
      numMigrations: 1,
    });
  });

  it('moves a queued request to the other queue', () => {
    const specs = [
      request(0, 0, 300, 60),
      request(1, 0, 20, 60),
      request(2, 10, 300, 5),
      request(3, 20, 300, 5),
    ];
    const { seen } = run(
      [
        {
          atUs: 1500,
          decide: ({ groups }) => {
            const queued = groups.flatMap(({ id, waiting }) => [...waiting].map((each) => ({ id, each })));
            return queued.slice(0, 1).map(({ id, each }) => ({
              kind: 'migrate',
              requestId: each.id,
              groupId: asGroupId(1 - id),
              reason: 'script',
            }));
          },
        },
      ],
      { specs, blocks: 24 },
    );
    const moved = seen.decisions.find(({ kind }) => kind === 'migrate');
    expect(moved).toMatchObject({ outcome: 'applied' });
    expect(seen.requests.find(({ id }) => id === moved?.data['requestId'])).toMatchObject({
      groupId: moved?.data['groupId'],
      status: 'finished',
    });
    expect(seen.migrations).toEqual([]);
  });
});

describe('a migration is refused', () => {
  it.each([
    ['during the prefill', migrate(200, [0, 1]), expect.stringContaining('in its prefill') as string],
    ['to nowhere', migrate(2000, [0, 7]), 'there is no group 7'],
    ['to where it is', migrate(2000, [0, 0]), 'the request is in group 0 already'],
    ['of nobody', migrate(2000, [9, 1]), 'there is no live request 9 in a group'],
    [
      'without stages',
      migrate(2000, [0, 1], { kind: 'live', maxStages: 0, lastStageBlocks: 1 }),
      'protocol.maxStages must be an integer of at least 1, got 0',
    ],
  ])('%s', (_what, act, error) => {
    expect(refusals([act])).toEqual([error]);
  });

  it('twice, to a group that drains, and where there is no room', () => {
    const drain = decide(2000, { kind: 'drain', groupId: 1, reason: 'script' });
    expect(refusals([drain, migrate(2200, [0, 1])])).toEqual(['group 1 is draining']);
    expect(refusals([begin(), migrate(0, [0, 1])])).toEqual(['request 0 migrates already']);
    const { seen } = run([begin()], {
      specs: [request(0, 0, 100, 60), request(1, 0, 190, 60)],
      blocks: 16,
    });
    expect(seen.decisions.find(({ kind }) => kind === 'migrate')?.error).toBe(
      'group 1 has no room for 7 blocks',
    );
  });
});

/** When the stages of the first migration of a run begin: at its start, and at the end of each stage but the last. */
function stageStarts(acts: readonly Act[], options: Partial<TinyRun>): number[] {
  const { seen } = run(acts, options);
  const [migration] = seen.migrations as [MigrationRecord];
  expect(migration.abortReason).toBeUndefined();
  const ends = seen.transfers.filter(({ kind }) => kind === 'migration').map(({ endedAtUs }) => endedAtUs);
  return [migration.startedAtUs, ...ends.slice(0, -1)];
}

/** What stands in the way of a migration of request 0 from group 0 to group 1, at a time of the run. */
const obstacles: Readonly<Record<string, (atUs: number) => { acts?: Act[]; faults?: TinyRun['faults'] }>> = {
  'it is given up': (atUs) => ({
    acts: [decide(atUs, { kind: 'preempt', requestId: 0, mode: 'recompute', reason: 'script' })],
  }),
  'it is swapped out': (atUs) => ({
    acts: [decide(atUs, { kind: 'preempt', requestId: 0, mode: 'swap', reason: 'script' })],
  }),
  'its source fails': (atUs) => ({ faults: [{ instance: 0, atUs }] }),
  'its target fails': (atUs) => ({ faults: [{ instance: 1, atUs }] }),
  'its target drains': (atUs) => ({ acts: [decide(atUs, { kind: 'drain', groupId: 1, reason: 'script' })] }),
  'its source merges': (atUs) => ({ acts: [drop(atUs, [0, 2])] }),
  'its target merges': (atUs) => ({ acts: [drop(atUs, [1, 2])] }),
  'both merge': (atUs) => ({ acts: [drop(atUs, [0, 1])] }),
};

describe('a migration in whose way something comes, at any of its stages', () => {
  const options = {
    specs: [request(0, 0, 160, 120), request(1, 0, 20, 60), request(2, 0, 20, 60)],
    numInstances: 3,
  };
  const starts = stageStarts([begin()], options);

  it('has several stages', () => {
    expect(starts.length).toBeGreaterThanOrEqual(3);
  });

  describe.each(Object.entries(obstacles))('%s', (_name, obstacle) => {
    it.each(starts.flatMap((startUs) => [startUs + 1, startUs + 900]))('at %i us', (atUs) => {
      const { acts = [], faults = [] } = obstacle(atUs);
      const { seen } = run([], { ...options, faults, policies: stack([begin(), ...acts]) });
      expect(seen.migrations).toHaveLength(1);
      const ended = seen.requests.map(({ id, status, generatedTokens }) => ({ id, status, generatedTokens }));
      expect(ended.toSorted((a, b) => a.id - b.id)).toEqual([
        { id: 0, status: 'finished', generatedTokens: 120 },
        { id: 1, status: 'finished', generatedTokens: 60 },
        { id: 2, status: 'finished', generatedTokens: 60 },
      ]);
      const last = new Map(seen.samples.map((sample) => [sample.instanceId, sample]));
      for (const sample of last.values()) expect(sample).toMatchObject({ kvUsedBytes: 0, hostKvBytes: 0 });
    });
  });

  it('is aborted when the target fills up, and the request goes on at its source', () => {
    // The target's own request grows until nothing is left for the last stages.
    const { seen } = run([begin()], {
      specs: [request(0, 0, 160, 100), request(1, 0, 40, 150)],
      blocks: 17,
      hardware: { network: { bytesPerSecond: 4e6, latencyUs: 100 } },
    });
    expect(seen.migrations).toMatchObject([{ abortReason: expect.stringMatching(/^no room for/) as string }]);
    expect(seen.requests.find(({ id }) => id === 0)).toMatchObject({
      status: 'finished',
      groupId: 0,
      numPreemptions: 0,
    });
  });

  it('is aborted when the request ends first', () => {
    const { seen } = run([begin()], {
      specs: [request(0, 0, 160, 12), request(1, 0, 20, 60)],
      hardware: { network: { bytesPerSecond: 1e5, latencyUs: 100 } },
    });
    expect(seen.migrations).toMatchObject([{ abortReason: 'the request ended or was given up' }]);
    expect(seen.requests.find(({ id }) => id === 0)).toMatchObject({ status: 'finished', groupId: 0 });
  });
});

describe('a migration from a pipeline that is split meanwhile', () => {
  it('counts for the group that has the request then', () => {
    const leaving: { phase: string; numLeaving: number; counted: number }[] = [];
    const watch = ({ groups }: ClusterView) => {
      for (const { phase, stages, running, numMigratingOut: counted } of groups) {
        const numLeaving = [...running].filter(({ migratesTo }) => migratesTo !== undefined).length;
        if (stages.length === 1) leaving.push({ phase, numLeaving, counted });
      }
    };
    // Each request has its KV on one member alone, which is its home after the split. They end before they are stopped.
    const { seen } = run([], {
      specs: [request(0, 0, 60, 280), request(1, 0, 60, 280)],
      policies: [
        scripted(
          [
            drop(600, [0, 1], { kind: 'remote-attention' }),
            restore(9000, 'finish'),
            {
              atUs: 9200,
              decide: ({ groups }) =>
                groups
                  .filter(({ phase }) => phase === 'restoring')
                  .flatMap(({ running }) => [...running])
                  .map(({ id }) => ({
                    kind: 'migrate',
                    requestId: id,
                    groupId: asGroupId(2),
                    protocol: manyStages,
                    reason: 'script',
                  })),
            },
          ],
          watch,
        ),
        leastLoaded,
        recompute,
      ],
      blocks: 60,
      numInstances: 3,
      hardware: { network: { bytesPerSecond: 1e6, latencyUs: 10 } },
    });
    const numLeaving = leaving.reduce((sum, each) => sum + each.numLeaving, 0);
    expect(numLeaving).toBeGreaterThan(10);
    expect(leaving.filter((each) => each.numLeaving !== each.counted)).toEqual([]);
    const split = seen.events.find(({ kind }) => kind === 'groupSplit');
    for (const { startedAtUs, endedAtUs, fromGroupId } of seen.migrations) {
      expect(startedAtUs < (split?.timeUs ?? 0) && endedAtUs > (split?.timeUs ?? Infinity)).toBe(true);
      expect(fromGroupId).toBeGreaterThan(split?.groupId ?? Infinity);
    }
  });
});

describe('a request in host memory', () => {
  it('changes groups at once, and its KV comes over the network when it is swapped in', () => {
    const { seen } = run(
      [
        decide(2000, { kind: 'preempt', requestId: 0, mode: 'swap', reason: 'script' }),
        {
          atUs: 2200,
          decide: (view) =>
            view.request(asRequestId(0))?.status.kind === 'swapped'
              ? [{ kind: 'migrate', requestId: asRequestId(0), groupId: asGroupId(1), reason: 'script' }]
              : [],
        },
        decide(2400, { kind: 'drain', groupId: 0, reason: 'script' }),
        decide(2600, { kind: 'swapIn', requestId: 0, reason: 'script' }),
      ],
      { hardware: { hostLink: { bytesPerSecond: 1e9, latencyUs: 1 } } },
    );
    const blocks = Math.ceil(100 / blockSizeTokens);
    const swapIns = seen.transfers.filter(({ kind }) => kind === 'swap-in');
    expect(swapIns).toMatchObject([{ requestId: 0, target: 1 }]);
    expect(swapIns[0]?.bytes).toBeGreaterThanOrEqual(blocks);
    expect(swapIns[0]?.endedAtUs).toBeGreaterThan(2600 + tinyHardware(1).network.latencyUs);
    expect(seen.requests.find(({ id }) => id === 0)).toMatchObject({ groupId: 1, status: 'finished' });
    // The instance whose host had it is released once that is empty, and not before.
    const stopped = seen.events.find(({ kind }) => kind === 'instanceStopped');
    expect(stopped?.timeUs).toBeGreaterThanOrEqual(swapIns[0]?.endedAtUs ?? Infinity);
  });
});
