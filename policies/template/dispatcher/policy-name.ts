import { definePolicy, type GroupId, type GroupView, type RequestId } from 'servebench/policy';
import { z } from 'zod';

/** Parameters with their defaults; a configuration overrides them with `{ use: ..., params: { ... } }`. */
const params = z.strictObject({
  /** A follow-up goes where its conversation is unless that group has so many requests more than the emptiest one. */
  patience: z.int().min(0).default(4),
});

export default definePolicy({
  name: 'policy-name',
  family: 'support',
  summary:
    'Sends a follow-up where its conversation is, everything else to the group with the fewest requests.',
  params,
  // Declares what the policy does; the bench refuses a configuration that needs more than its stack can do.
  capabilities: { dispatches: true },

  // Called once per run. Keep private state in here, and take random numbers from `deps.rng` only.
  create: ({ patience }) => {
    const homes = new Map<RequestId, GroupId>();
    const sent = new SentRequests();
    return {
      // Asked when a request has arrived, and again when it was held and something has changed. Groups come and go, so look
      // for one that takes requests now. The core checks, applies and logs the decision.
      dispatch: ({ sessionId }, { groups, nowUs }) => {
        const open = groups
          .filter(({ acceptsRequests }) => acceptsRequests)
          .map((group) => ({ id: group.id, load: numRequests(group) + sent.unreported(group) }));
        const [emptiest] = open.toSorted((a, b) => a.load - b.load);
        if (emptiest === undefined) return { kind: 'hold', reason: 'no group takes requests' };
        const home = open.find(({ id }) => id === homes.get(sessionId));
        const chosen = home !== undefined && home.load <= emptiest.load + patience ? home : emptiest;
        homes.set(sessionId, chosen.id);
        sent.add(chosen.id, nowUs);
        const reason = chosen === home ? 'its conversation is there' : 'the fewest requests';
        return { kind: 'dispatch', groupId: chosen.id, reason: `${reason}: ${chosen.load}` };
      },
    };
  },
});

function numRequests({ waiting, running, swapped, stalled }: GroupView): number {
  return waiting.length + running.length + swapped.length + stalled.length;
}

/**
 * What has been sent to each group since it last reported its load. Without it, all requests that arrive between two reports
 * go to the group that looked emptiest in the first.
 */
class SentRequests {
  readonly #timesUs = new Map<GroupId, number[]>();

  add(groupId: GroupId, nowUs: number): void {
    this.#timesUs.set(groupId, [...(this.#timesUs.get(groupId) ?? []), nowUs]);
  }

  unreported({ id, observedAtUs }: GroupView): number {
    const left = (this.#timesUs.get(id) ?? []).filter((timeUs) => timeUs > observedAtUs);
    this.#timesUs.set(id, left);
    return left.length;
  }
}
