import { z } from 'zod';
import {
  definePolicy,
  type Decision,
  type GroupView,
  kvCellBytes,
  type PolicyDeps,
  type RequestView,
} from '../../harness/policy/index.ts';

const params = z.strictObject({
  /**
   * Share of the host link's time that swapping may take. The KV under way is bounded by this share of what
   * the link transfers during one step.
   */
  linkShare: z.number().positive().default(1),
  /**
   * A request is swapped in only if this share of the blocks stays free, so that it is not swapped out again
   * at once.
   */
  headroomRatio: z.number().min(0).max(1).default(0.05),
});

/**
 * Swapping under overload, as InferCept does it without interceptions. The requests admitted last are swapped
 * out to host memory, at most as much as the host link can transfer during one step, so that the copies
 * overlap with the steps of the others and never slow them. They are swapped in, in order of arrival, when
 * there is room. New requests are not admitted until every swapped request is back, which bounds the host
 * memory (vLLM's rule). If the host memory is full, the next policy of the stack is asked.
 */
export const swap = definePolicy({
  name: 'swap',
  family: 'kv-centric',
  summary:
    'Moves the KV of the last admitted requests to host memory and back, budgeted and overlapped (InferCept, vLLM).',
  params,
  capabilities: { preempts: ['swap'] },
  create: ({ linkShare, headroomRatio }, deps) => ({
    limits: (group) => ({ admits: group.swapped.length === 0 }),

    onMemoryPressure: (group, need) => {
      // Wait if the swap-outs under way will free enough blocks, or already fill the link for a step.
      const budget = Math.max(1, linkShare * blocksPerStep(group, deps));
      if (group.pendingFreeBlocks >= need.blocks || group.pendingFreeBlocks >= budget) {
        return [{ kind: 'wait', reason: `${group.pendingFreeBlocks} blocks are on their way to the host` }];
      }
      const victim = group.running.at(group.running.length - 1);
      if (victim === undefined || !fitsOnHost(group, victim, deps)) return undefined;
      if (victim.isInFlight)
        return [{ kind: 'wait', reason: `request ${victim.id}, the last admitted, is in a step` }];
      if (victim.computedTokens === 0) return undefined;
      const reason = `request ${need.requestId} needs ${need.blocks} blocks; last admitted moves ${victim.kvBlocks} blocks out`;
      return [{ kind: 'preempt', requestId: victim.id, mode: 'swap', reason }];
    },

    onSchedule: (group, view) => {
      const decisions: Decision[] = [];
      const comingBack = [...group.swapped].filter(({ status }) => status.kind === 'swapping-in');
      const { running, stalled, numMigratingIn, limits, freeBlocks, totalBlocks } = group;
      let slots = limits.maxRunning - running.length - numMigratingIn - comingBack.length;
      let free = freeBlocks - Math.ceil(headroomRatio * totalBlocks);
      let budget = Math.max(1, linkShare * blocksPerStep(group, deps)) - sumOfBlocks(comingBack);
      let isAlone = running.length + stalled.length + comingBack.length === 0;
      for (const request of byArrival(group)) {
        // Counts room for the next token as well, or the request would be swapped out again at once.
        const blocks = Math.ceil(request.tokens / view.blockSizeTokens);
        const fits = isAlone ? blocks <= freeBlocks || blocks > totalBlocks : blocks <= free && budget > 0;
        if (!fits || slots <= 0) break;
        decisions.push({ kind: 'swapIn', requestId: request.id, reason: `${freeBlocks} blocks free` });
        isAlone = false;
        slots -= 1;
        free -= blocks;
        budget -= blocks;
      }
      return decisions;
    },
  }),
});

/** Returns how many blocks the host links of a group's members can transfer during one step. */
function blocksPerStep(group: GroupView, deps: PolicyDeps): number {
  const rates = group.stages.map(({ instance }) => instance.hardware.hostLink.bytesPerSecond);
  const bytesPerUs = rates.reduce((sum, rate) => sum + rate, 0) / 1e6;
  return (
    (group.lastStepUs * bytesPerUs) / (kvCellBytes(deps.model, deps.blockSizeTokens) * deps.model.numLayers)
  );
}

function fitsOnHost(group: GroupView, request: RequestView, deps: PolicyDeps): boolean {
  return group.stages.every(
    ({ instance, numLayers }) =>
      instance.hostKvBytes + request.kvBlocks * numLayers * kvCellBytes(deps.model, deps.blockSizeTokens) <=
      instance.hardware.hostMemoryBytes,
  );
}

function sumOfBlocks(requests: readonly RequestView[]): number {
  return requests.reduce((sum, { kvBlocks }) => sum + kvBlocks, 0);
}

function byArrival(group: GroupView): RequestView[] {
  return [...group.swapped]
    .filter((request) => request.status.kind === 'swapped')
    .toSorted((a, b) => a.arrivedAtUs - b.arrivedAtUs || a.id - b.id);
}
