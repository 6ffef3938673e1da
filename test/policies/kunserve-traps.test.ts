import { describe, expect, it } from 'vitest';
import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';
import { kunserve } from '../../policies/kunserve/kunserve.ts';
import { memoryUnits } from '../../policies/kunserve/memory.ts';
import { clusterView, deps, groupView, instanceView } from '../../harness/conformance/view-builders.ts';

/** What the polls at 0.1 s, 0.2 s, ... answer, one for each view. */
function poll(...views: readonly ClusterView[]): (readonly Decision[] | undefined)[] {
  const settings = kunserve.params.parse({ sustainPolls: 1, minDwellMs: 0, reportMs: 100, trendReports: 1 });
  const policy = kunserve.create(settings, deps);
  return views.map((view, index) => policy.onTick?.({ ...view, nowUs: (index + 1) * 100_000 }));
}

function mergedSets(...groups: readonly GroupView[]): (readonly number[])[] {
  const [decisions = []] = poll(clusterView(groups));
  return decisions.flatMap((decision) => (decision.kind === 'drop' ? [decision.groupIds] : []));
}

const { copyBytes, blockBytes, ...units } = memoryUnits(deps);
const undroppedCells = units.undroppedCells(deps.startHardware);
/** Blocks that need more than one copy of the weights dropped. */
const moreThanACopy = Math.floor(copyBytes / blockBytes) + 1;

describe('the drop plan', () => {
  it('is for what queues of overloaded groups ask for, not for queues that fit', () => {
    const full = groupView(0, 1, { freeBlocks: 0, waitingBlocks: 1 });
    const idle = [1, 2, 3].map((id) => groupView(id, 1, { waitingBlocks: moreThanACopy }));
    expect(mergedSets(full, ...idle)).toHaveLength(1);
    expect(mergedSets({ ...full, waitingBlocks: moreThanACopy }, ...idle)).toHaveLength(2);
  });

  it('starts from the groups that there are: the smallest merge, whoever lacks most', () => {
    const large = groupView(4, 2, { freeBlocks: 0, waitingBlocks: 3 });
    const singles = [5, 6].map((id) => groupView(id, 1, { freeBlocks: 0, waitingBlocks: 1 }));
    expect(mergedSets(large, ...singles)).toEqual([[5, 6]]);
    expect(mergedSets(large, groupView(7, 2), groupView(8, 3))).toEqual([[4, 7]]);
  });
});

/** KV cells of an instance of a pipeline: half as many again as beside the whole model. */
const droppedCells = 1.5 * undroppedCells;

/** A pipeline of two with dropped layers, whose members use such shares of what they would hold with all layers. */
function pipeline(...shares: readonly [number, number]): GroupView {
  const group = groupView(0, 2);
  const stages = group.stages.map((stage, index) => ({
    ...stage,
    instance: instanceView(stage.instance.id, {
      totalCells: droppedCells,
      usedCells: (shares[index] as number) * undroppedCells,
    }),
  }));
  return { ...group, stages };
}

/** A single instance with all layers. */
function single(share: number): GroupView {
  const group = groupView(1, 1);
  const instance = instanceView(10, { usedCells: share * undroppedCells });
  return { ...group, stages: group.stages.map((stage) => ({ ...stage, instance })) };
}

/** Whether it is restored at the second poll, the first having seen as much in use. */
function isRestored(...groups: readonly GroupView[]): boolean {
  const view = clusterView(groups);
  return poll(view, view)[1]?.[0]?.kind === 'restore';
}

describe('restoring', () => {
  it('compares what the cluster uses with the memory without drop', () => {
    expect(isRestored(pipeline(0.45, 0.45), single(0.5))).toBe(true);
    // 63 % of the memory without drop; 48 % of what there is.
    expect(isRestored(pipeline(0.45, 0.45), single(1))).toBe(false);
    expect(isRestored(pipeline(0.6, 0.6))).toBe(false);
  });

  it('compares what each member uses with its memory without drop', () => {
    expect(isRestored(pipeline(0.1, 0.45), single(0))).toBe(true);
    expect(isRestored(pipeline(0.1, 0.6), single(0))).toBe(false);
  });
});
