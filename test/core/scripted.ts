import { z } from 'zod';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import {
  type ClusterView,
  type Decision,
  defaultMigration,
  definePolicy,
  type KvTransition,
  type MigrationProtocol,
  type PolicyDefinition,
} from '../../harness/policy/index.ts';
import { type Plain, withIds } from '../plain-ids.ts';

/** A decision at a time of the run; an act that answers nothing is asked again at the next tick. */
export interface Act {
  readonly atUs: number;
  decide(view: ClusterView): readonly Decision[];
}

/** Decides what the script says, each act once and in order; `watch` sees every tick. */
export function scripted(
  acts: readonly Act[],
  watch: (view: ClusterView) => void = () => {},
): PolicyDefinition {
  return definePolicy({
    name: 'scripted',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { preempts: ['recompute', 'swap'], dropsParameters: true, migrates: true, scales: true },
    create: () => {
      const left = acts.slice();
      return {
        tickUs: 200,
        onTick: (view) => {
          watch(view);
          const act = left[0];
          if (act === undefined || view.nowUs < act.atUs) return [];
          const decisions = act.decide(view);
          if (decisions.length > 0) left.shift();
          return decisions;
        },
      };
    },
  });
}

export const exchange = { kind: 'exchange', maxRequests: 8, isCoordinated: true } as const;

/** Groups become one. */
export function drop(atUs: number, groupIds: readonly number[], transition: KvTransition = exchange): Act {
  return {
    atUs,
    decide: () => [{ kind: 'drop', groupIds: groupIds.map(asGroupId), transition, reason: 'script' }],
  };
}

/** Every pipeline at rest is split. */
export function restore(atUs: number, running: 'finish' | 'move-back' = 'move-back'): Act {
  return {
    atUs,
    decide: ({ groups }) =>
      groups
        .filter(
          ({ phase, stages, stalled }) => phase === 'serving' && stages.length > 1 && stalled.length === 0,
        )
        .map(({ id }) => ({ kind: 'restore', groupId: id, running, reason: 'script' })),
  };
}

/** One request goes to another group. */
export function migrate(
  atUs: number,
  [request, group]: readonly [number, number],
  protocol: MigrationProtocol = defaultMigration,
): Act {
  const [requestId, groupId] = [asRequestId(request), asGroupId(group)];
  return { atUs, decide: () => [{ kind: 'migrate', requestId, groupId, protocol, reason: 'script' }] };
}

/** One decision, whatever there is to see. */
export function decide(atUs: number, decision: Plain<Decision>): Act {
  return { atUs, decide: () => [withIds(decision)] };
}
