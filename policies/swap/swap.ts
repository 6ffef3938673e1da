import { z } from 'zod';
import {
  definePolicy,
  type Decision,
  type GroupView,
  type PolicyDeps,
  type RequestView,
} from '../../harness/policy/index.ts';

const params = z.strictObject({
  /** Share of the host link's time that swapping may take: bytes under way are bounded by so much of a step's transfer. */
  linkShare: z.number().positive().default(1),
  /** A swapped request comes back only when this share of the blocks stays free behind it, so that it does not leave again at once. */
  headroomRatio: z.number().min(0).max(1).default(0.05),
});

/**
 * Swapping of overload victims as InferCept does it without interceptions: the latest running decodes go to host memory,
 * at most as many as the host link can move during one step (so that steps are never slowed), overlapped with the steps
 * of the others; they come back in order of arrival when there is room. New requests wait until everyone is back, which
 * bounds the host memory (vLLM's rule). When the host memory is full the next policy of the stack is asked.
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
      // What is already on its way out will do, or the link is busy for a step: the request waits.
      const budget = Math.max(1, linkShare * blocksPerStep(group, deps));
      if (group.pendingFreeBlocks >= need.blocks || group.pendingFreeBlocks >= budget) {
        return [{ kind: 'wait', reason: `${group.pendingFreeBlocks} blocks are on their way to the host` }];
      }
      const victim = lastMovable(group, deps);
      if (victim === undefined) return undefined;
      const reason = `request ${need.requestId} needs ${need.blocks} blocks; last admitted moves ${victim.kvBlocks} blocks out`;
      return [{ kind: 'preempt', requestId: victim.id, mode: 'swap', reason }];
    },

    onSchedule: (group, view) => {
      const decisions: Decision[] = [];
      let free = group.freeBlocks - Math.ceil(headroomRatio * group.totalBlocks);
      let budget = Math.max(1, linkShare * blocksPerStep(group, deps));
      for (const request of byArrival(group)) {
        const blocks = Math.ceil(request.computedTokens / view.blockSizeTokens);
        const isAlone = group.running.length === 0 && decisions.length === 0;
        if (!isAlone && (blocks > free || budget <= 0)) break;
        decisions.push({ kind: 'swapIn', requestId: request.id, reason: `${group.freeBlocks} blocks free` });
        free -= blocks;
        budget -= blocks;
      }
      return decisions;
    },
  }),
});

/** Blocks that the host links of a group's members move during one step. */
function blocksPerStep(group: GroupView, { hardware, model, blockSizeTokens }: PolicyDeps): number {
  const blockBytes =
    2 * model.numKvHeads * model.headDim * blockSizeTokens * model.bytesPerKvElement * model.numLayers;
  const bytesPerUs = (group.stages.length * hardware.hostLink.bytesPerSecond) / 1e6;
  return (group.lastStepUs * bytesPerUs) / blockBytes;
}

/** The last admitted request that has KV, is not in a step, and fits in the host memory of every member. */
function lastMovable(group: GroupView, { model, blockSizeTokens }: PolicyDeps): RequestView | undefined {
  const cellBytes = 2 * model.numKvHeads * model.headDim * blockSizeTokens * model.bytesPerKvElement;
  for (let index = group.running.length - 1; index >= 0; index -= 1) {
    const request = group.running.at(index);
    if (request === undefined || request.isInFlight || request.computedTokens === 0) continue;
    const fits = group.stages.every(
      ({ instance, numLayers }) =>
        instance.hostKvBytes + request.kvBlocks * numLayers * cellBytes <= instance.hostMemoryBytes,
    );
    if (fits) return request;
  }
  return undefined;
}

function byArrival(group: GroupView): RequestView[] {
  return [...group.swapped]
    .filter((request) => request.status.kind === 'swapped')
    .toSorted((a, b) => a.arrivedAtUs - b.arrivedAtUs || a.id - b.id);
}
