import { type ClusterView, type Decision, definePolicy, type GroupView } from 'servebench/policy';
import { z } from 'zod';

/** Parameters with their defaults; a configuration overrides them with `{ use: ..., params: { ... } }`. */
const params = z.strictObject({
  /** An instance is added where more requests than this wait for each one that serves. */
  upWaiting: z.number().min(0).default(2),
  /** An instance is removed where nothing waits and less than this share of the KV memory is in use. */
  downUsage: z.number().min(0).max(1).default(0.3),
  minInstances: z.int().min(1).default(1),
  /** Seconds of virtual time between two looks. */
  checkS: z.number().positive().default(1),
});

export default definePolicy({
  name: 'policy-name',
  family: 'autoscaling',
  summary: 'Adds an instance when requests wait, and removes one when memory is hardly used.',
  params,
  // Declares what the policy does; the bench refuses a configuration that needs more than its stack can do.
  capabilities: { scales: true },

  // Called once per run. Keep private state in here, and take random numbers from `deps.rng` only.
  create: ({ upWaiting, downUsage, minInstances, checkS }) => ({
    tickUs: Math.max(1, Math.round(checkS * 1e6)),
    // Asked at every tick. Return decisions, or undefined for none. The core checks, applies and logs each of them.
    onTick: (view) => {
      // An instance on its way is paid for already and has not helped yet: wait and see.
      if (view.groups.some(({ phase }) => phase === 'loading')) return undefined;
      const serving = view.groups.filter(({ phase }) => phase === 'serving');
      const numWaiting = view.held.length + sum(serving, ({ waiting }) => waiting.length);
      if (numWaiting > upWaiting * serving.length) return grow(view, `${numWaiting} requests wait`);
      const usage = usageOf(serving);
      if (numWaiting > 0 || usage >= downUsage || serving.length <= minInstances) return undefined;
      return shrink(serving, `${Math.round(100 * usage)} % of the KV memory is in use`);
    },
  }),
});

function grow({ groups, numInstances, maxInstances }: ClusterView, reason: string): readonly Decision[] {
  // One that drains still has its weights: taking the drain back is quicker than a start.
  const draining = groups.find(({ phase }) => phase === 'draining');
  if (draining !== undefined) return [{ kind: 'cancelDrain', groupId: draining.id, reason }];
  return numInstances < maxInstances ? [{ kind: 'scaleUp', numInstances: 1, reason }] : [];
}

function shrink(serving: readonly GroupView[], reason: string): readonly Decision[] {
  const [emptiest] = serving.toSorted((a, b) => a.demandBlocks - b.demandBlocks);
  return emptiest === undefined ? [] : [{ kind: 'drain', groupId: emptiest.id, reason }];
}

function usageOf(groups: readonly GroupView[]): number {
  const total = sum(groups, ({ totalBlocks }) => totalBlocks);
  const free = sum(groups, ({ freeBlocks }) => freeBlocks);
  return total === 0 ? 0 : 1 - free / total;
}

function sum(groups: readonly GroupView[], of: (group: GroupView) => number): number {
  return groups.reduce((total, group) => total + of(group), 0);
}
