import { z } from 'zod';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import {
  type ClusterView,
  type Decision,
  definePolicy,
  type KvTransition,
  type MigrationProtocol,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** Merges, restores, migrates, starts, drains, cancels and gives up requests by the roll of a die, whatever the load. */
export const restless = definePolicy({
  name: 'restless',
  family: 'other',
  summary: 'test',
  params: z.strictObject({}),
  capabilities: { preempts: ['recompute', 'swap'], dropsParameters: true, migrates: true, scales: true },
  create: (_params, { rng }) => ({
    tickUs: 700,
    onTick: (view) => {
      const act = acts[rng.integer(acts.length)] as (typeof acts)[number];
      return act(view, rng);
    },
    onSchedule: (group) => {
      const back = [...group.swapped].find(({ status }) => status.kind === 'swapped');
      return back === undefined ? [] : [{ kind: 'swapIn', requestId: back.id, reason: 'if there is room' }];
    },
    onMemoryPressure: (group) => {
      const idle = [...group.running, ...group.stalled].filter(({ isInFlight }) => !isInFlight);
      const victim = idle[rng.integer(idle.length + 1)];
      if (victim === undefined) return undefined;
      const give = { kind: 'preempt', requestId: victim.id, mode: 'recompute', reason: 'the die' } as const;
      // Refused where the host memory is full, and then followed by what cannot be refused.
      return rng.uniform() < 0.5 ? [{ ...give, mode: 'swap' }, give] : [give];
    },
  }),
});

type Rng = PolicyDeps['rng'];

/** Some more often than others. */
const acts: readonly ((view: ClusterView, rng: Rng) => Decision[])[] = [
  dropSome,
  dropSome,
  restoreSome,
  restoreSome,
  cancelSome,
  migrateSome,
  migrateSome,
  migrateSome,
  scaleSome,
  drainSome,
  cancelDrain,
];

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

/** Requests in any state, to groups in any phase: half of this is refused. */
function migrateSome(view: ClusterView, rng: Rng): Decision[] {
  const requests = view.groups.flatMap(({ waiting, running, swapped, stalled }) => [
    ...[...waiting].slice(0, 1),
    ...running,
    ...swapped,
    ...[...stalled].slice(0, 1),
  ]);
  return Array.from({ length: 1 + rng.integer(3) }, () => ({
    kind: 'migrate',
    requestId: requests[rng.integer(requests.length)]?.id ?? asRequestId(0),
    groupId: view.groups[rng.integer(view.groups.length)]?.id ?? asGroupId(0),
    protocol: someProtocol(rng),
    reason: 'the die',
  }));
}

function someProtocol(rng: Rng): MigrationProtocol {
  const roll = rng.uniform();
  if (roll < 0.15) return { kind: 'blocking' };
  if (roll < 0.3) return { kind: 'recompute' };
  return { kind: 'live', maxStages: 1 + rng.integer(5), lastStageBlocks: 1 + rng.integer(2) };
}

function scaleSome(_view: ClusterView, rng: Rng): Decision[] {
  const role = rng.uniform() < 0.5 ? 'batch' : 'mixed';
  return [{ kind: 'scaleUp', numInstances: 1 + rng.integer(2), role, reason: 'the die' }];
}

/** Never the last one that serves: the rest would wait for ever. */
function drainSome(view: ClusterView, rng: Rng): Decision[] {
  const serving = view.groups.filter(({ phase }) => phase === 'serving');
  const group = view.groups[rng.integer(view.groups.length)];
  if (group === undefined || (serving.length < 2 && group.phase === 'serving')) return [];
  return [{ kind: 'drain', groupId: group.id, reason: 'the die' }];
}

function cancelDrain(view: ClusterView): Decision[] {
  const group = view.groups.find(({ phase }) => phase === 'draining');
  return group === undefined ? [] : [{ kind: 'cancelDrain', groupId: group.id, reason: 'the die' }];
}
