import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type {
  ClusterView,
  Decision,
  GroupPhase,
  GroupView,
  DecisionOf,
  Policy,
  RequestStatus,
  RequestView,
} from '../../harness/policy/index.ts';
import { migrationFreeness } from '../../policies/llumnix/freeness.ts';
import { llumnix } from '../../policies/llumnix/llumnix.ts';
import * as fc from '../fast-check.ts';
import { clusterView, deps, groupView, requestView } from '../../harness/conformance/view-builders.ts';

const twoClasses = {
  ...deps,
  classes: [
    { name: 'normal', priority: 0, slo: {} },
    { name: 'high', priority: 1, slo: {} },
  ],
};

/** Priorities do not count unless asked for; with them, high priority allows a load of 5 blocks. */
function policyOf(params: object = {}): Policy {
  return llumnix.create(
    llumnix.params.parse({ priorities: false, headroomTargetTokens: 80, ...params }),
    twoClasses,
  );
}

interface Running extends Partial<RequestView> {
  readonly blocks: number;
}

/** A group of one instance, 20 blocks of 16 tokens; its requests decode, with ids from `100 * id` on. */
function group(id: number, requests: readonly Running[], about: Partial<GroupView> = {}): GroupView {
  const used = requests.reduce((sum, { blocks }) => sum + blocks, 0);
  return groupView(id, 1, {
    running: requests.map(({ blocks, ...rest }, index) =>
      requestView(100 * id + index, { kvBlocks: blocks, tokens: 16 * blocks, ...rest }),
    ),
    freeBlocks: 20 - used,
    demandBlocks: used,
    ...about,
  });
}

/** Full: 2 blocks free for 3 requests, which is below 3 blocks each. */
const full = (id: number): GroupView => group(id, [{ blocks: 7 }, { blocks: 5 }, { blocks: 6 }]);
const quarter = (id: number): GroupView => group(id, [{ blocks: 5 }]);
/** 14 blocks free for 2 requests, which is far above the threshold. */
const free = (about: Partial<GroupView>): GroupView => group(1, [{ blocks: 3 }, { blocks: 3 }], about);

function moves(policy: Policy, groups: readonly GroupView[]): [number, number][] {
  return migrations(policy.onTick?.(clusterView(groups))).map(({ requestId, groupId }) => [
    requestId,
    groupId,
  ]);
}

function migrations(decisions: readonly Decision[] | undefined): DecisionOf<'migrate'>[] {
  return (decisions ?? []).filter((decision) => decision.kind === 'migrate');
}

describe('pairs', () => {
  it('the fullest with the freest, in order', () => {
    const fuller = group(2, [{ blocks: 10 }, { blocks: 10 }]);
    const freer = groupView(4, 1);
    expect(moves(policyOf(), [full(1), fuller, quarter(3), freer])).toEqual([
      [200, 4],
      [101, 3],
    ]);
  });

  it('nobody within the thresholds', () => {
    const middle = group(1, [{ blocks: 5 }, { blocks: 5 }]);
    expect(moves(policyOf(), [middle, groupView(2, 1)])).toEqual([]);
    // 10 blocks for 2 requests are 80 steps.
    expect(
      moves(policyOf({ sourceBelowSteps: 81, targetAboveSteps: 81 }), [middle, groupView(2, 1)]),
    ).toEqual([[100, 2]]);
    expect(
      moves(policyOf({ sourceBelowSteps: 80, targetAboveSteps: 80 }), [middle, groupView(2, 1)]),
    ).toEqual([]);
  });

  it('no target that would fall below its threshold with the request', () => {
    // 12 blocks free for 2 requests; with 5 more there are 7 for 3, below 3 each.
    const nearlyFree = group(2, [{ blocks: 4 }, { blocks: 4 }]);
    expect(moves(policyOf(), [full(1), nearlyFree])).toEqual([]);
    const freeEnough = group(2, [{ blocks: 3 }, { blocks: 3 }]);
    expect(moves(policyOf(), [full(1), freeEnough])).toEqual([[101, 2]]);
  });

  it('no target that would be overfull, however low the thresholds are', () => {
    const overfull = group(1, [{ blocks: 5 }, { blocks: 5 }], { waiting: [requestView(8, { tokens: 480 })] });
    const settings = { sourceBelowSteps: -100, targetAboveSteps: -100 };
    expect(moves(policyOf(settings), [overfull, group(2, [{ blocks: 16 }])])).toEqual([]);
    expect(moves(policyOf(settings), [overfull, group(2, [{ blocks: 15 }])])).toEqual([[100, 2]]);
  });

  it('no group twice, none that migrates already, and leaves the target of a source without victim to the next', () => {
    const busySource = { ...full(1), numMigratingOut: 1 };
    const busyTarget = { ...groupView(2, 1), numMigratingIn: 1 };
    expect(moves(policyOf(), [busySource, groupView(4, 1)])).toEqual([]);
    expect(moves(policyOf(), [full(3), busyTarget])).toEqual([]);
    const allPrefill = group(5, [{ blocks: 20, status: { kind: 'prefilling' } }]);
    expect(moves(policyOf(), [allPrefill, full(3), groupView(4, 1)])).toEqual([[301, 4]]);
  });

  it('no target with a queue, however short', () => {
    const queued = { ...groupView(2, 1), waiting: [requestView(8, { tokens: 1 })], waitingBlocks: 1 };
    expect(moves(policyOf(), [full(1), queued])).toEqual([]);
    expect(moves(policyOf(), [full(1), queued, quarter(3)])).toEqual([[101, 3]]);
  });

  it('no target that has given requests up to host memory', () => {
    const swapped = [requestView(8, { status: { kind: 'swapped' } })];
    expect(moves(policyOf(), [full(1), { ...groupView(2, 1), swapped }])).toEqual([]);
  });

  it.each<GroupPhase>(['merging', 'restoring', 'retiring', 'loading', 'draining'])(
    'no target that is %s',
    (phase) => {
      expect(moves(policyOf(), [full(1), groupView(2, 1, { phase })])).toEqual([]);
      expect(moves(policyOf(), [full(1), groupView(2, 1, { acceptsRequests: false })])).toEqual([]);
    },
  );

  it.each<GroupPhase>(['merging', 'restoring', 'retiring', 'loading'])('no source that is %s', (phase) => {
    expect(moves(policyOf(), [{ ...full(1), phase }, groupView(2, 1)])).toEqual([]);
  });
});

describe('a group with preempted requests', () => {
  const preempted = requestView(8, { tokens: 16, status: { kind: 'preempted' } });
  it('gives requests away, however free it is', () => {
    expect(moves(policyOf(), [free({ waiting: [preempted] }), quarter(2)])).toEqual([[100, 2]]);
    const behind = [requestView(7, { tokens: 16 }), preempted];
    expect(moves(policyOf(), [free({ waiting: behind }), quarter(2)])).toEqual([[100, 2]]);
    expect(moves(policyOf(), [free({ waiting: [requestView(7, { tokens: 16 })] }), quarter(2)])).toEqual([]);
  });

  it('counts those in host memory', () => {
    const swapped = [requestView(8, { tokens: 16, status: { kind: 'swapped' } })];
    expect(moves(policyOf(), [free({ swapped }), quarter(2)])).toEqual([[100, 2]]);
  });

  it('says so in the figures', () => {
    const policy = policyOf();
    policy.onTick?.(clusterView([free({ waiting: [preempted] }), quarter(2)]));
    expect(policy.stats?.()).toMatchObject({ migrations_after_preemption: 1, migrations_to_balance: 0 });
  });
});

describe('a drain', () => {
  it('moves everything away, however little it is', () => {
    const draining = group(1, [{ blocks: 1 }], { phase: 'draining', acceptsRequests: false });
    expect(moves(policyOf(), [draining, quarter(2)])).toEqual([[100, 2]]);
  });

  it('comes before instances that are merely full', () => {
    const draining = group(3, [{ blocks: 1 }], { phase: 'draining', acceptsRequests: false });
    expect(moves(policyOf(), [full(1), draining, groupView(4, 1)])).toEqual([[300, 4]]);
  });
});

describe('the victim', () => {
  it('is the shortest', () => {
    expect(moves(policyOf(), [full(1), groupView(2, 1)])).toEqual([[101, 2]]);
  });

  it('decodes, and does not migrate already', () => {
    const source = group(1, [
      { blocks: 9 },
      { blocks: 4, status: { kind: 'prefilling' } },
      { blocks: 5, migratesTo: asGroupId(3) },
    ]);
    expect(moves(policyOf(), [source, groupView(2, 1)])).toEqual([[100, 2]]);
  });

  it('is of lower priority first, if priorities count', () => {
    const source = group(1, [{ blocks: 4, priority: 1 }, { blocks: 6 }, { blocks: 9 }]);
    expect(moves(policyOf({ priorities: true }), [source, groupView(2, 1)])).toEqual([[101, 2]]);
    expect(moves(policyOf(), [source, groupView(2, 1)])).toEqual([[100, 2]]);
  });

  it('is another where the first would not fit', () => {
    const source = group(1, [{ blocks: 16 }, { blocks: 2, priority: 1 }]);
    // 15 blocks of headroom leave no room for one of high priority; 16 blocks leave too little.
    expect(moves(policyOf({ priorities: true }), [source, quarter(2)])).toEqual([]);
    expect(moves(policyOf({ priorities: true, headroomTargetTokens: 320 }), [source, quarter(2)])).toEqual([
      [101, 2],
    ]);
  });
});

describe('de-fragmentation', () => {
  /** 14 of 20 blocks are free; its queue asks for 13 and 15. */
  const queued = group(1, [{ blocks: 3 }, { blocks: 3 }], {
    waiting: [requestView(8, { tokens: 208 }), requestView(9, { tokens: 240 })],
    waitingBlocks: 28,
    demandBlocks: 34,
  });

  it('makes room for the head of a queue', () => {
    expect(moves(policyOf(), [queued, quarter(2)])).toEqual([[100, 2]]);
    expect(moves(policyOf({ defragment: false }), [queued, quarter(2)])).toEqual([]);
  });

  it('does not count the rest of the queue', () => {
    const shortHead = { ...queued, waiting: [requestView(8), requestView(9, { tokens: 432 })] };
    expect(moves(policyOf(), [shortHead, quarter(2)])).toEqual([]);
  });

  it('is told apart from balance and drains in the figures', () => {
    const policy = policyOf();
    policy.onTick?.(clusterView([queued, quarter(2)]));
    policy.onTick?.(clusterView([full(1), quarter(2)]));
    policy.onTick?.(clusterView([full(1), quarter(2)]));
    policy.onTick?.(clusterView([{ ...quarter(1), phase: 'draining' }, quarter(2)]));
    expect(policy.stats?.()).toEqual({
      migrations_to_defragment: 1,
      migrations_to_balance: 2,
      migrations_after_preemption: 0,
      migrations_to_drain: 1,
    });
  });
});

describe('headroom', () => {
  it('pushes normal requests off the instance of one of high priority', () => {
    const host = group(1, [{ blocks: 2, priority: 1 }, { blocks: 4 }]);
    expect(moves(policyOf({ priorities: true }), [host, groupView(2, 1)])).toEqual([[101, 2]]);
    expect(moves(policyOf(), [host, groupView(2, 1)])).toEqual([]);
  });
});

describe('a pair', () => {
  const about = { requestId: asRequestId(101), from: asGroupId(1), to: asGroupId(2) };
  const done = { kind: 'migrationDone', ...about } as const;
  const next = (policy: Policy, ...groups: readonly GroupView[]) =>
    migrations(policy.onEvent?.(done, clusterView(groups))).map(({ requestId }) => requestId);

  it('goes on until the source is no longer too full', () => {
    const policy = policyOf();
    expect(next(policy, full(1), quarter(2))).toEqual([101]);
    expect(next(policy, quarter(1), quarter(2))).toEqual([]);
  });

  it('ends when the target is no longer free, or one of them is gone', () => {
    expect(next(policyOf(), full(1), full(2))).toEqual([]);
    expect(next(policyOf(), full(1), { ...quarter(2), phase: 'merging' })).toEqual([]);
    expect(next(policyOf(), full(1))).toEqual([]);
    expect(next(policyOf(), { ...full(1), numMigratingOut: 1 }, quarter(2))).toEqual([]);
  });

  it('waits for the next look after an aborted migration', () => {
    const aborted = { kind: 'migrationAborted', ...about, reason: 'test' } as const;
    expect(policyOf().onEvent?.(aborted, clusterView([full(1), quarter(2)]))).toBeUndefined();
  });
});

describe('the protocol', () => {
  it.each(['live', 'blocking', 'recompute'] as const)('is %s if so configured', (protocol) => {
    const decisions = migrations(policyOf({ protocol }).onTick?.(clusterView([full(1), quarter(2)])));
    expect(decisions.map((decision) => decision.protocol?.kind)).toEqual([protocol]);
  });
});

const anyStatus = fc.constantFrom<RequestStatus>(
  { kind: 'decoding' },
  { kind: 'decoding' },
  { kind: 'prefilling' },
);
const anyRequest = fc.record({
  blocks: fc.integer({ min: 1, max: 12 }),
  priority: fc.integer({ min: 0, max: 2 }),
  status: anyStatus,
  migratesTo: fc.constantFrom(undefined, undefined, undefined, asGroupId(0)),
});
const anyGroup = fc.record({
  requests: fc.array(anyRequest, { maxLength: 8 }),
  /** Mostly none: a group with a queue is no target. */
  waitingTokens: fc.oneof(
    { weight: 2, arbitrary: fc.constant<number[]>([]) },
    fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 4 }),
  ),
  phase: fc.constantFrom<GroupPhase>(
    'serving',
    'serving',
    'serving',
    'draining',
    'merging',
    'loading',
    'retiring',
  ),
  numMigratingIn: fc.constantFrom(0, 0, 0, 1),
  numMigratingOut: fc.constantFrom(0, 0, 0, 1),
});

function viewOf(
  specs: readonly (typeof anyGroup extends fc.Arbitrary<infer Spec> ? Spec : never)[],
): ClusterView {
  return clusterView(
    specs.map(({ requests, waitingTokens, phase, ...counts }, id) => {
      const waiting = waitingTokens.map((tokens, index) => requestView(100 * id + 50 + index, { tokens }));
      const waitingBlocks = waiting.reduce((sum, { tokens }) => sum + Math.ceil(tokens / 16), 0);
      const used = requests.reduce((sum, { blocks }) => sum + blocks, 0);
      return group(id, requests, {
        totalBlocks: 64,
        freeBlocks: 64 - used,
        waiting,
        waitingBlocks,
        demandBlocks: used + waitingBlocks,
        phase,
        acceptsRequests: phase === 'serving',
        ...counts,
      });
    }),
  );
}

it('whatever the cluster looks like, migrations are valid and leave their targets free', () => {
  let numMoves = 0;
  const property = fc.property(
    fc.array(anyGroup, { minLength: 3, maxLength: 10 }),
    fc.boolean(),
    (specs, priorities) => {
      const view = viewOf(specs);
      const decisions = migrations(policyOf({ priorities }).onTick?.(view));
      const seen = new Set<number>();
      for (const { requestId, groupId } of decisions) {
        const source = view.groups.find(({ running }) => [...running].some(({ id }) => id === requestId))!;
        const target = view.groups.find(({ id }) => id === groupId)!;
        const victim = view.request(requestId)!;
        expect(source.id).not.toBe(target.id);
        expect(['serving', 'draining']).toContain(source.phase);
        expect([target.phase, target.acceptsRequests, target.waiting.length]).toEqual(['serving', true, 0]);
        expect([victim.status.kind, victim.migratesTo]).toEqual(['decoding', undefined]);
        for (const { id, numMigratingIn, numMigratingOut } of [source, target]) {
          expect(seen.has(id)).toBe(false);
          expect(numMigratingIn + numMigratingOut).toBe(0);
          seen.add(id);
        }
        const plain = { blockSizeTokens: 16, countsHead: true, priorities: undefined };
        expect(migrationFreeness(target, plain, victim)).toBeGreaterThanOrEqual(48);
        numMoves += 1;
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
  expect(numMoves).toBeGreaterThan(50);
});
