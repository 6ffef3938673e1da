import { describe, expect, it } from 'vitest';
import { request, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { ClusterView, KvTransition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { type Act, drop, restore, scripted } from '../core/scripted.ts';
import { runVerified } from './verified-run.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;
const exchange: KvTransition = { kind: 'exchange', maxRequests: 2, isCoordinated: true };
const remote: KvTransition = { kind: 'remote-attention' };

function dropAll(atUs: number, transition: KvTransition): Act {
  return {
    atUs,
    decide: (view) => {
      const groupIds = view.groups.filter(({ phase }) => phase === 'serving').map(({ id }) => id);
      return groupIds.length < 2 ? [] : [{ kind: 'drop', groupIds, transition, reason: 'script' }];
    },
  };
}

function cancel(atUs: number): Act {
  return {
    atUs,
    decide: (view) =>
      view.groups
        .filter(({ phase }) => phase === 'restoring')
        .map(({ id }) => ({ kind: 'cancelRestore', groupId: id, reason: 'script' })),
  };
}

/** Requests that use about half of four instances of 16 blocks. */
const load = Array.from({ length: 30 }, (_, id) => {
  return request(id, id * 4000, 20 + ((id * 17) % 40), 20 + ((id * 7) % 25));
});

function play(acts: readonly Act[], more: Partial<TinyRun> & { watch?: (view: ClusterView) => void } = {}) {
  const { watch, ...run } = more;
  return runVerified({
    specs: load,
    policies: [scripted(acts, watch), leastLoaded, recompute],
    numInstances: 4,
    blocks: 16,
    maxBatchTokens: 64,
    ...run,
  }).seen;
}

describe.each([
  ['exchange', exchange],
  ['uncoordinated exchange', { ...exchange, isCoordinated: false }],
  ['remote attention', remote],
] as const)('on TensorFlow, with %s', (_name, transition) => {
  it('pairs, then a group of four, then four instances again: every token verified', () => {
    const seen = play([
      drop(20_000, [0, 1], transition),
      drop(25_000, [2, 3], transition),
      dropAll(50_000, transition),
      restore(70_000, 'finish'),
    ]);
    const kinds = seen.events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'groupsMerged')).toHaveLength(3);
    expect(kinds.filter((kind) => kind === 'groupSplit')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'groupRetired')).toHaveLength(1);
    expect(seen.decisions.filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
    const travelled = transition.kind === 'exchange' ? 'exchange' : 'attention';
    expect(seen.transfers.some(({ kind }) => kind === travelled)).toBe(true);
  });

  it('a member fails while KV is on its way: nobody is lost', () => {
    let numStalled = 0;
    const seen = play([dropAll(40_000, transition)], {
      faults: [{ instance: 1, atUs: 50_000 }],
      hardware: { network: { bytesPerSecond: 1e6, latencyUs: 10 } },
      watch: (view) => {
        if (view.nowUs < 50_000)
          numStalled = view.groups.reduce((sum, { stalled }) => sum + stalled.length, 0);
      },
    });
    expect(numStalled > 0).toBe(transition.kind === 'exchange');
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(seen.requests.some(({ numPreemptions }) => numPreemptions > 0)).toBe(true);
    expect(seen.events.some(({ kind }) => kind === 'instanceFailed')).toBe(true);
  });

  it.each(['finish', 'move-back'] as const)(
    'a new burst after a restore (%s), and one during it',
    (running) => {
      const seen = play(
        [
          dropAll(20_000, transition),
          restore(40_000, running),
          cancel(41_000),
          restore(45_000, running),
          dropAll(46_000, transition),
        ],
        { hardware: { network: { bytesPerSecond: 30e6, latencyUs: 10 } } },
      );
      const kinds = seen.events.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'restoreCancelled')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'groupSplit')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'groupsMerged')).toHaveLength(2);
    },
  );
});
