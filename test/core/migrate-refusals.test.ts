import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { ClusterView, Decision } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { type Act, decide, drop, migrate, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute, unlimited } = policies;

/** All requests go to the group of the most instances. */
const toLargest = policyOf({
  dispatch: (_, { groups }) => {
    const [largest] = groups.toSorted((a, b) => b.stages.length - a.stages.length);
    return { kind: 'dispatch', groupId: largest?.id ?? asGroupId(0), reason: 'the largest' };
  },
});

/** Two instances are one group with room for more than 20 blocks, a third has 10. */
function besideSmallGroup(acts: readonly Act[]): Collector {
  return runTiny({
    specs: [request(0, 8000, 250, 60)],
    policies: [scripted([drop(200, [0, 1]), ...acts]), toLargest, recompute],
    numInstances: 3,
    blocks: 10,
    maxBatchTokens: 300,
    maxDurationUs: 1e6,
  }).seen;
}

describe('a request that is larger than a group is not migrated there', () => {
  const tooLarge = /^request 0 needs 1\d KV blocks, group 2 has 10$/;
  /** The group of two has it from the start to the end. */
  function expectRefused(seen: Collector): void {
    expect(seen.decisions.filter(({ kind }) => kind === 'migrate')).toMatchObject([
      { outcome: 'rejected', error: expect.stringMatching(tooLarge) as string },
    ]);
    expect(seen.requests).toMatchObject([{ status: 'finished', groupId: 3, numMigrations: 0 }]);
  }

  it.each(['recompute', 'blocking'] as const)('while it runs (%s)', (kind) => {
    expectRefused(besideSmallGroup([migrate(20_000, [0, 2], { kind })]));
  });

  it('while it is in host memory', () => {
    const seen = besideSmallGroup([
      decide(20_000, { kind: 'preempt', requestId: 0, mode: 'swap', reason: 'script' }),
      {
        atUs: 20_200,
        decide: (view) =>
          view.request(asRequestId(0))?.status.kind === 'swapped'
            ? [{ kind: 'migrate', requestId: asRequestId(0), groupId: asGroupId(2), reason: 'script' }]
            : [],
      },
      decide(20_200, { kind: 'swapIn', requestId: 0, reason: 'script' }),
    ]);
    expectRefused(seen);
    expect(seen.requests).toMatchObject([{ numSwaps: 1, numPreemptions: 1 }]);
  });

  it('but it is where memory has no limit', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 150, 60), request(1, 0, 150, 60)],
      policies: [scripted([migrate(20_000, [0, 1])]), leastLoaded, unlimited],
      numInstances: 2,
      blocks: 12,
    });
    expect(seen.migrations).toMatchObject([{ abortReason: undefined, toGroupId: 1 }]);
    expect(seen.requests.find(({ id }) => id === 0)).toMatchObject({ status: 'finished', groupId: 1 });
  });

  it('and then it comes back from host memory, too, while another has all of the group', () => {
    const at = 40_000;
    let freeBlocks = 0;
    const { seen } = runTiny({
      specs: [request(0, 0, 150, 60), request(1, 25_000, 150, 60)],
      policies: [
        scripted([
          decide(20_000, { kind: 'preempt', requestId: 0, mode: 'swap', reason: 'script' }),
          {
            atUs: at,
            decide: ({ groups }) => {
              freeBlocks = groups[0]?.freeBlocks ?? 0;
              return [{ kind: 'swapIn', requestId: asRequestId(0), reason: 'script' }];
            },
          },
        ]),
        leastLoaded,
        unlimited,
      ],
      blocks: 12,
    });
    expect(freeBlocks).toBeLessThan(10);
    const [answer] = seen.decisions.filter(({ kind }) => kind === 'swapIn');
    expect(answer).toMatchObject({ timeUs: at, outcome: 'applied' });
    expect(seen.requests.map(({ status }) => status)).toEqual(['finished', 'finished']);
  });
});

/** The group may run two requests from then on. */
function capped(groupId: number, atUs = 200): Act {
  return decide(atUs, { kind: 'setLimits', groupId, limits: { maxRunning: 2 }, reason: 'script' });
}

const swapIn: Decision = { kind: 'swapIn', requestId: asRequestId(3), reason: 'script' };

function swapOut(requestId: number): Act {
  return decide(10_000, { kind: 'preempt', requestId, mode: 'swap', reason: 'script' });
}

describe('a group that may run two requests', () => {
  const toFirst = policyOf({
    dispatch: () => ({ kind: 'dispatch', groupId: asGroupId(0), reason: 'the first' }),
  });
  const specs = [0, 1, 2, 3].map((id) => request(id, id * 10, 40, 100));

  /** How many run in the group at most, and the run. */
  function mostRunning(groupId: number, acts: readonly Act[]) {
    let most = 0;
    const watch = ({ nowUs, groups }: ClusterView) => {
      if (nowUs > 20_000) most = Math.max(most, groups[groupId]?.running.length ?? 0);
    };
    const { seen } = runTiny({
      specs,
      policies: [scripted(acts, watch), toFirst, recompute],
      numInstances: 2,
      blocks: 80,
      maxDurationUs: 1e6,
    });
    return { seen, most };
  }

  it.each(['live', 'blocking', 'recompute'] as const)('takes two migrations, not three (%s)', (kind) => {
    const protocol = kind === 'live' ? ({ kind, maxStages: 8, lastStageBlocks: 1 } as const) : { kind };
    const move = (id: number) => migrate(20_000, [id, 1], protocol);
    const { seen, most } = mostRunning(1, [capped(1), move(0), move(1), move(2), move(3)]);
    expect(most).toBe(2);
    const moves = seen.decisions.filter((decision) => decision.kind === 'migrate');
    expect(moves.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'rejected', 'rejected']);
    expect(moves[2]?.error).toBe('group 1 runs or expects as many requests as it may: 2');
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });

  it('counts those that are on their way back', () => {
    const back: Act = {
      atUs: 20_000,
      decide: ({ groups }) =>
        groups.flatMap(({ swapped }) =>
          [...swapped].map(({ id }) => ({ kind: 'swapIn', requestId: id, reason: 'script' }) as const),
        ),
    };
    const { seen, most } = mostRunning(0, [
      swapOut(3),
      swapOut(2),
      swapOut(1),
      capped(0, 10_200),
      back,
      back,
    ]);
    expect(most).toBeLessThanOrEqual(2);
    expect(seen.decisions.some(({ kind, outcome }) => kind === 'swapIn' && outcome === 'rejected')).toBe(
      true,
    );
  });

  it('takes nothing back from host memory while two run', () => {
    const { seen, most } = mostRunning(0, [
      decide(12_000, { kind: 'preempt', requestId: 3, mode: 'swap', reason: 'script' }),
      decide(12_200, { kind: 'preempt', requestId: 2, mode: 'recompute', reason: 'script' }),
      capped(0, 12_200),
      decide(20_000, swapIn),
      {
        atUs: 20_200,
        decide: ({ groups }) => (groups[0]?.running.length === 0 ? [swapIn] : []),
      },
    ]);
    expect(most).toBe(2);
    expect(seen.decisions.filter(({ kind }) => kind === 'swapIn')).toMatchObject([
      { outcome: 'rejected', error: '2 requests run or come back already' },
      { outcome: 'applied' },
    ]);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });
});
