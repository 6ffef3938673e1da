import { z } from 'zod';
import {
  type ClusterView,
  type Decision,
  definePolicy,
  type KvTransition,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** Merges, restores, cancels and gives up requests by the roll of a die, whatever the load. */
export const restless = definePolicy({
  name: 'restless',
  family: 'other',
  summary: 'test',
  params: z.strictObject({}),
  capabilities: { preempts: ['recompute', 'swap'], dropsParameters: true, tickUs: 1700 },
  create: (_params, { rng }) => ({
    onTick: (view) => {
      const roll = rng.uniform();
      if (roll < 0.35) return dropSome(view, rng);
      if (roll < 0.6) return restoreSome(view, rng);
      return roll < 0.7 ? cancelSome(view) : [];
    },
    onSchedule: (group) => {
      const back = [...group.swapped].find(({ status }) => status.kind === 'swapped');
      return back === undefined ? [] : [{ kind: 'swapIn', requestId: back.id, reason: 'if there is room' }];
    },
    onMemoryPressure: (group) => {
      const idle = [...group.running, ...group.exchanging].filter(({ isInFlight }) => !isInFlight);
      const victim = idle[rng.integer(idle.length + 1)];
      if (victim === undefined) return undefined;
      const give = { kind: 'preempt', requestId: victim.id, mode: 'recompute', reason: 'the die' } as const;
      // Refused where the host memory is full, and then followed by what cannot be refused.
      return rng.uniform() < 0.5 ? [{ ...give, mode: 'swap' }, give] : [give];
    },
  }),
});

type Rng = PolicyDeps['rng'];

function dropSome(view: ClusterView, rng: Rng): Decision[] {
  const open = view.groups.filter(({ phase }) => phase === 'serving').map(({ id }) => id);
  const shuffled = open.toSorted(() => rng.uniform() - 0.5);
  const size = 2 + rng.integer(3);
  const sets = [shuffled.slice(0, size), shuffled.slice(size, 2 * size)];
  return sets
    .filter(({ length }) => length >= 2)
    .map((groupIds) => ({ kind: 'drop', groupIds, transition: someTransition(rng), reason: 'the die' }));
}

function someTransition(rng: Rng): KvTransition {
  if (rng.uniform() < 0.35) return { kind: 'remote-attention' };
  return { kind: 'exchange', maxRequests: 1 + rng.integer(8), isCoordinated: rng.uniform() < 0.7 };
}

function restoreSome(view: ClusterView, rng: Rng): Decision[] {
  const merged = view.groups.filter(({ phase, stages }) => phase === 'serving' && stages.length > 1);
  const group = merged[rng.integer(merged.length + 1)];
  if (group === undefined) return [];
  const running = rng.uniform() < 0.5 ? 'finish' : 'move-back';
  return [{ kind: 'restore', groupId: group.id, running, reason: 'the die' }];
}

function cancelSome(view: ClusterView): Decision[] {
  const group = view.groups.find(({ phase }) => phase === 'restoring');
  return group === undefined ? [] : [{ kind: 'cancelRestore', groupId: group.id, reason: 'the die' }];
}
