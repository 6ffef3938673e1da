import { z } from 'zod';
import {
  type ClusterView,
  type Decision,
  definePolicy,
  type GroupView,
  type PolicyDefinition,
} from '../../harness/policy/index.ts';

/** Decides at exactly that microsecond, once everything else that happens in it has happened, and never again. */
export function at(timeUs: number, decide: (view: ClusterView) => readonly Decision[]): PolicyDefinition {
  return definePolicy({
    name: `at-${timeUs}`,
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { preempts: ['recompute', 'swap'], dropsParameters: true, migrates: true, scales: true },
    create: () => ({
      tickUs: timeUs,
      onTick: (view) => (view.nowUs === timeUs ? decide(view) : []),
    }),
  });
}

/** Sends requests to the instances that the script names, while these serve alone; another policy places the others. */
export function placed(instanceOf: (requestId: number) => number): PolicyDefinition {
  return definePolicy({
    name: 'placed',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { dispatches: true },
    create: () => ({
      dispatch: ({ id }, view) => {
        const group = groupOn(view, instanceOf(id));
        if (group?.acceptsRequests !== true || group.stages.length > 1) return undefined;
        return { kind: 'dispatch', groupId: group.id, reason: 'script' };
      },
    }),
  });
}

/** Brings swapped requests back as soon as there is room, in the groups that the script allows. */
export function swapIns(isAllowed: (group: GroupView) => boolean = () => true): PolicyDefinition {
  return definePolicy({
    name: 'swap-ins',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: {},
    create: () => ({
      onSchedule: (group) =>
        [...group.swapped]
          .filter(({ status }) => status.kind === 'swapped' && isAllowed(group))
          .map(({ id }) => ({ kind: 'swapIn', requestId: id, reason: 'script' })),
    }),
  });
}

/** The group that serves on an instance. */
export function groupOn(view: ClusterView, instanceId: number) {
  return view.groups.find(
    ({ phase, stages }) => phase !== 'retiring' && stages.some(({ instance }) => instance.id === instanceId),
  );
}
