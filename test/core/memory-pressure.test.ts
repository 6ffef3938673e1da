import { describe, expect, it } from 'vitest';
import { asGroupId, type GroupId, type RequestId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { Decision } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { drop, exchange, scripted } from './scripted.ts';

const { recompute } = policies;

/** A request of 13 blocks comes to group 0, which has 10; groups 2 and 3 are one by then, with more than 20. */
function askedToMove(answer: (requestId: RequestId, largeGroupId: GroupId) => readonly Decision[]) {
  const mover = {
    ...policyOf({
      dispatch: () => ({ kind: 'dispatch', groupId: asGroupId(0), reason: 'the first' }),
      onMemoryPressure: (group, { requestId }, { groups }) => {
        const large = groups.find(({ stages }) => stages.length === 2);
        return large === undefined || large === group ? undefined : answer(requestId, large.id);
      },
    }),
    capabilities: { dispatches: true, dropsParameters: true, migrates: true },
  };
  const { seen } = runTiny({
    specs: [request(0, 10_000, 200, 30)],
    policies: [scripted([drop(200, [2, 3])]), mover, recompute],
    numInstances: 4,
    blocks: 10,
    maxDurationUs: 1e6,
  });
  const merged = seen.events.find(({ kind }) => kind === 'groupsMerged');
  return { seen, largeGroupId: merged?.groupId };
}

const merge = (groupIds: readonly number[]): Decision => {
  return { kind: 'drop', groupIds: groupIds.map(asGroupId), transition: exchange, reason: 'test' };
};
const move = (requestId: RequestId, groupId: GroupId): Decision => {
  return { kind: 'migrate', requestId, groupId, reason: 'test' };
};

describe('an answer to memory pressure that moves the request which asks', () => {
  it.each([
    ['beside a merge', [0, 1], 'applied'],
    ['beside a merge that is refused', [0, 9], 'rejected'],
  ])('%s takes it out of the queue, and its old group does not fail it', (_, groupIds, outcome) => {
    const { seen, largeGroupId } = askedToMove((requestId, groupId) => [
      merge(groupIds),
      move(requestId, groupId),
    ]);
    const answers = seen.decisions.filter(({ moment }) => moment === 'onMemoryPressure');
    expect(answers.slice(0, 2)).toMatchObject([
      { kind: 'drop', outcome },
      { kind: 'migrate', outcome: 'applied' },
    ]);
    expect(seen.requests).toMatchObject([
      { status: 'finished', groupId: largeGroupId, firstScheduledAtUs: 10_000, numPreemptions: 0 },
    ]);
  });
});
