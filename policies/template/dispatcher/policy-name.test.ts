import {
  asRequestId,
  checkPolicy,
  clusterView,
  deps,
  followUp,
  groupView,
  policies,
  request,
  requestView,
  runTiny,
  withParams,
} from 'servebench/testing';
import { describe, expect, it } from 'vitest';
import policy from './policy-name.js';

/** Two groups, of which the first has so many waiting requests; seen later than everything that was sent, so that all of it is there. */
function viewOf(numWaiting: number) {
  const waiting = Array.from({ length: numWaiting }, (_, id) => requestView(id));
  return clusterView([groupView(0, 1, { observedAtUs: 1, waiting }), groupView(1, 1, { observedAtUs: 1 })]);
}

/** A follow-up in the conversation that began with request `first`. */
function turnOf(first: number, id: number) {
  return requestView(id, { sessionId: asRequestId(first), parentId: asRequestId(id - 1) });
}

describe('policy-name', () => {
  it.each(checkPolicy(policy))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });

  // One question about a view made by hand: everything has a value, and a test gives what its question is about.
  it('sends a request to the group with the fewest, and none to one that drains', () => {
    const dispatcher = policy.create({ patience: 4 }, deps);
    const groups = [
      groupView(0, 1, { waiting: [requestView(1), requestView(2)] }),
      groupView(1, 1, { running: [requestView(3)] }),
      groupView(2, 1, { phase: 'draining', acceptsRequests: false }),
    ];
    expect(dispatcher.dispatch?.(requestView(4), clusterView(groups))).toMatchObject({
      kind: 'dispatch',
      groupId: 1,
    });
    expect(dispatcher.dispatch?.(requestView(5), clusterView(groups.slice(2)))).toMatchObject({
      kind: 'hold',
    });
  });

  it('sends a follow-up where its conversation is, until that has too many more requests', () => {
    const dispatcher = policy.create({ patience: 1 }, deps);
    expect(dispatcher.dispatch?.(requestView(10), viewOf(0))).toMatchObject({ groupId: 0 });
    expect(dispatcher.dispatch?.(turnOf(10, 11), viewOf(1))).toMatchObject({ groupId: 0 });
    expect(dispatcher.dispatch?.(turnOf(10, 12), viewOf(2))).toMatchObject({ groupId: 1 });
  });

  // A whole run in a tiny cluster: `seen` has everything that a run records.
  it('keeps a conversation on one instance', () => {
    const firsts = [0, 1, 2, 3].map((id) => request(3 * id, 500 * id, 30, 10));
    const specs = firsts.flatMap((first) => {
      const second = followUp(first.id + 1, first, { delayUs: 2000, newTokens: 5, outputTokens: 10 });
      return [
        first,
        second,
        followUp(first.id + 2, second, { delayUs: 2000, newTokens: 5, outputTokens: 10 }),
      ];
    });
    const stack = [withParams(policy, { patience: 100 }), policies.recompute];
    const { seen } = runTiny({ specs, policies: stack, numInstances: 2, loadReports: { kind: 'per-step' } });
    for (const { sessionId, groupId } of seen.requests) {
      expect(groupId).toBe(seen.requests.find(({ id }) => id === sessionId)?.groupId);
    }
    expect(new Set(seen.requests.map(({ groupId }) => groupId)).size).toBe(2);
  });
});
