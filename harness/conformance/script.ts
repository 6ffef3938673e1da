import { z } from 'zod';
import { usPerSecond } from '../base/units.ts';
import { type ClusterView, type Decision, definePolicy, type PolicyDefinition } from '../policy/index.ts';

/** A scripted decision: asked at every tick from its time on until it returns decisions. */
interface Act {
  readonly atS: number;
  decide(view: ClusterView): readonly Decision[];
}

export function scriptOf(acts: readonly Act[]): PolicyDefinition {
  return definePolicy({
    name: 'conformance-script',
    family: 'support',
    summary: 'Decides what a situation of the conformance suite consists of.',
    params: z.strictObject({}),
    capabilities: { scales: true, dropsParameters: true },
    create: () => {
      const left = acts.slice();
      return {
        tickUs: usPerSecond / 2,
        onTick: (view) => {
          const [act] = left;
          if (act === undefined || view.nowUs < act.atS * usPerSecond) return [];
          const decisions = act.decide(view);
          if (decisions.length > 0) left.shift();
          return decisions;
        },
      };
    },
  });
}

/** Drains the newest instance if another one remains to serve. */
export function drainOne({ groups }: ClusterView): readonly Decision[] {
  const open = groups.filter(({ phase }) => phase === 'serving' || phase === 'loading');
  const newest = open.at(-1);
  const isAlone = !open.some((group) => group !== newest && group.phase === 'serving');
  return newest === undefined || isAlone ? [] : [{ kind: 'drain', groupId: newest.id, reason: 'script' }];
}

export function mergeTwo({ groups }: ClusterView): readonly Decision[] {
  const open = groups.filter(({ phase, stages }) => phase === 'serving' && stages.length === 1);
  const groupIds = open.slice(0, 2).map(({ id }) => id);
  if (groupIds.length < 2) return [];
  const transition = { kind: 'exchange', maxRequests: 8, isCoordinated: true } as const;
  return [{ kind: 'drop', groupIds, transition, reason: 'script' }];
}

export function splitAll({ groups }: ClusterView): readonly Decision[] {
  const merged = groups.filter(({ phase, stages }) => phase === 'serving' && stages.length > 1);
  return merged.map(({ id }) => ({ kind: 'restore', groupId: id, running: 'move-back', reason: 'script' }));
}
