import { expect, test } from 'vitest';
import { asGroupId, asInstanceId, asRequestId, type InstanceId } from '../../harness/domain/ids.ts';
import { withGuardedViews } from '../../harness/conformance/guarded-views.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { ClusterView, Policy, StageTiming } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

const timing: StageTiming = {
  numLayers: 4,
  isLast: true,
  numEntries: 2,
  totalTokens: 3,
  decodeTokens: 1,
  attentionPairs: 9,
  contextTokens: 7,
  durationUs: 100,
};

test('a stage timing is read through one wall, however often it is told, and never written', () => {
  const seen: StageTiming[] = [];
  const policy = withGuardedViews({ onStage: (told) => void seen.push(told) });
  policy.onStage?.(timing);
  policy.onStage?.(timing);
  expect(seen[0]).toEqual(timing);
  expect(seen[1]).toBe(seen[0]);
  expect(() => Object.assign(seen[0] as object, { durationUs: 1 })).toThrow(/read-only/);
});

test('lists that a policy makes of instance ids are its own, the ids that it was given are not', () => {
  const ids = [0, 1, 2, 3].map(asInstanceId);
  const pairs = withGuardedViews({
    initialGroups: (given) => {
      const firsts = given.filter((id) => id % 2 === 0);
      firsts.reverse();
      return firsts.map((id) => [id, asInstanceId(id + 1)]);
    },
  });
  expect(JSON.stringify(pairs.initialGroups?.(ids))).toBe('[[2,3],[0,1]]');
  const greedy = withGuardedViews({ initialGroups: (given) => [(given as InstanceId[]).splice(1)] });
  expect(() => greedy.initialGroups?.(ids)).toThrow(/a list of a view has no "splice"/);
  expect(ids).toEqual([0, 1, 2, 3]);
});

test('what a policy picks from a list is the same view as the one in the list', () => {
  const list = [{ id: 1 }, { id: 2 }];
  let isSame = false;
  const policy = withGuardedViews({
    onTick: (view) => {
      const given = view as unknown as typeof list;
      isSame = given.map((each) => each)[1] === given[1] && given.includes(given[1] as { id: number });
      return undefined;
    },
  });
  policy.onTick?.(list as never);
  expect(isSame).toBe(true);
});

test('a policy written as a class is walled in as well, and keeps its state', () => {
  class Counting implements Policy {
    #numStages = 0;
    onStage(told: StageTiming): void {
      this.#numStages += told.numEntries;
      if (this.#numStages > 2) (told as { durationUs: number }).durationUs = 0;
    }
    stats(): Record<string, number> {
      return { stages: this.#numStages };
    }
  }
  const policy = withGuardedViews(new Counting());
  policy.onStage?.(timing);
  expect(policy.stats?.()).toEqual({ stages: 2 });
  expect(() => policy.onStage?.(timing)).toThrow(/read-only/);
});

/** Three requests of which the first runs and the others are held, seen at a tick by a policy behind the wall. */
function lookAt(look: (view: ClusterView) => void): void {
  const looking = policyOf(
    withGuardedViews({
      tickUs: 500,
      onTick: (view) => {
        if (view.held.length === 2) look(view);
        return undefined;
      },
      dispatch: ({ id }, view) =>
        view.request(asRequestId(0)) === undefined || id === 0
          ? { kind: 'dispatch', groupId: asGroupId(0), reason: 'free' }
          : { kind: 'hold', reason: 'one at a time' },
    }),
  );
  const specs = [0, 1, 2].map((id) => request(id, id, 30, 10));
  runTiny({ specs, policies: [looking, policies.recompute] });
}

test('requests that are asked for by id or class are behind the wall, and are the same as in the lists', () => {
  let numLooks = 0;
  lookAt((view) => {
    numLooks += 1;
    const [first] = view.held;
    expect(view.held.ofClass('default').at(0)).toBe(first);
    expect(view.request(first?.id ?? asRequestId(-1))).toBe(first);
    expect(view.held.ofClass('nobody').length).toBe(0);
    expect(view.request(asRequestId(99))).toBeUndefined();
    expect(view.groups[0]?.counters.numSteps).toBeGreaterThanOrEqual(0);
  });
  expect(numLooks).toBeGreaterThan(0);
});

test.each([
  [
    'the true length of a request by id',
    (view: ClusterView) => Reflect.get(view.request(asRequestId(0)) ?? {}, 'outputTokens'),
  ],
  [
    'what the state of a running request holds',
    (view: ClusterView) => Reflect.get(view.groups[0]?.running.at(0)?.status ?? {}, 'migration'),
  ],
  ['a queue of the core', (view: ClusterView) => Reflect.get(view.held, 'queues')],
  ['a queue of a class', (view: ClusterView) => Reflect.get(view.held.ofClass('default'), 'pushBack')],
  ['counters', (view: ClusterView) => Object.assign(view.groups[0]?.counters ?? {}, { numSteps: 0 })],
  [
    'the role of an instance',
    (view: ClusterView) => Object.assign(view.instances[0] ?? {}, { role: 'batch' }),
  ],
])('%s is out of reach', (_, reach) => {
  expect(() => lookAt(reach)).toThrow(/has no "|read-only/);
});
