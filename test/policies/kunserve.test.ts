import { describe, expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import { kvCellBytes, layerWeightBytes } from '../../harness/domain/model-shape.ts';
import type { ClusterView, Decision, GroupView, Policy } from '../../harness/policy/index.ts';
import { kunserve } from '../../policies/kunserve/kunserve.ts';
import { memoryUnits } from '../../policies/kunserve/memory.ts';
import { blockSizeTokens, tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import {
  clusterView,
  deps,
  groupView,
  heldView,
  instanceBlocks,
  instanceView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

function create(params: Record<string, unknown> = {}): Policy {
  return kunserve.create(
    kunserve.params.parse({ sustainPolls: 1, minDwellMs: 0, reportMs: 100, trendReports: 1, ...params }),
    deps,
  );
}

/** A group of one with nothing free and a queue that asks for more. */
function full(id: number, about: Partial<GroupView> = {}): GroupView {
  return groupView(id, 1, { freeBlocks: 0, waitingBlocks: 1, ...about });
}

/** What the polls at 0.1 s, 0.2 s, ... answer, one for each view. */
function poll(policy: Policy, ...views: readonly ClusterView[]): (readonly Decision[] | undefined)[] {
  return views.map((view, index) => policy.onTick?.({ ...view, nowUs: (index + 1) * 100_000 }));
}

/** Two pipelines with 2 of 40 blocks free, and queues that ask for so many. */
const pipelinesWith = (waitingBlocks: number) =>
  clusterView([0, 1].map((id) => groupView(id, 2, { freeBlocks: 2, waitingBlocks })));

const setsFor = (view: ClusterView) => poll(create(), view)[0]?.length;

const alike = (size: number) => Array.from({ length: size }, () => deps.startHardware);

const kindsOf = (decisions: readonly Decision[] | undefined) => decisions?.map(({ kind }) => kind);

describe('memory units', () => {
  it('are those of the core', () => {
    const units = memoryUnits(deps);
    expect(units.copyBytes).toBe(tinyModel.numLayers * layerWeightBytes(tinyModel));
    expect(units.blockBytes).toBe(tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens));
    expect(units.undroppedCells(deps.startHardware)).toBe(instanceBlocks * tinyModel.numLayers);
    expect(units.pipelineBlocks(alike(1))).toBe(instanceBlocks);
    // Two instances hold twice the blocks, and what one copy of the weights took.
    const gained = units.copyBytes / units.blockBytes;
    expect(units.pipelineBlocks(alike(2))).toBe(Math.floor(2 * instanceBlocks + gained));
  });
});

describe('overload', () => {
  it('drops once so many groups are full and their queues ask for what is left', () => {
    const idle = [groupView(8, 1), groupView(9, 1)];
    const [decisions] = poll(create({ quorum: 0.5 }), clusterView([full(3), full(5), ...idle]));
    expect(decisions).toMatchObject([
      {
        kind: 'drop',
        groupIds: [3, 5],
        transition: { kind: 'exchange', maxRequests: 8, isCoordinated: true },
      },
    ]);
    expect(poll(create({ quorum: 0.5 }), clusterView([full(3), ...idle]))).toEqual([undefined]);
    expect(poll(create(), clusterView([full(3), ...idle])).map(kindsOf)).toEqual([['drop']]);
    expect(poll(create({ quorum: 1 }), clusterView([full(3), full(5), ...idle]))).toEqual([undefined]);
  });

  it('is not memory in use, nor a queue that fits', () => {
    const busy = { freeBlocks: 2, waitingBlocks: 9 };
    expect(poll(create(), clusterView([full(0, busy), full(1, busy)]))).toEqual([undefined]);
    expect(poll(create(), pipelinesWith(1))).toEqual([undefined]);
    expect(poll(create(), pipelinesWith(2)).map(kindsOf)).toEqual([['drop']]);
  });

  it('frees what is asked for and not in use: queued, held, in host memory', () => {
    const { copyBytes, blockBytes } = memoryUnits(deps);
    const blocksOfCopy = Math.floor(copyBytes / blockBytes);
    const four = (waitingBlocks: number) =>
      [0, 1, 2, 3].map((id) => full(id, { waitingBlocks, demandBlocks: 1e6 }));
    expect(setsFor(clusterView(four(1)))).toBe(1);
    expect(setsFor(clusterView(four(Math.ceil((blocksOfCopy + 1) / 4))))).toBe(2);
    const held = [requestView(1, { tokens: (blocksOfCopy + 1) * blockSizeTokens })];
    expect(setsFor(clusterView(four(1), { held: heldView(held) }))).toBe(2);
    const swapped = held.map((request) => ({ ...request, status: { kind: 'swapped' as const } }));
    expect(setsFor(clusterView([full(0, { swapped }), full(1), full(2), full(3)]))).toBe(2);
  });

  it('frees memory where it is short, and not where the queue is longest', () => {
    // Groups 1 and 2 have memory left, a tenth, and longer queues.
    const [one, two] = [1, 2].map((id) => full(id, { freeBlocks: 2, waitingBlocks: 99 })) as [
      GroupView,
      GroupView,
    ];
    const view = clusterView([one, two, full(3), full(5)]);
    expect(poll(create(), view)[0]).toMatchObject([{ kind: 'drop', groupIds: [3, 5] }]);
    const alone = clusterView([one, two, full(3)]);
    expect(poll(create(), alone)[0]).toMatchObject([{ kind: 'drop', groupIds: [3, 1] }]);
  });

  it('must last, and is looked for once a period', () => {
    const overload = clusterView([full(0), full(1)]);
    const calm = clusterView([groupView(0, 1), groupView(1, 1)]);
    const answers = poll(create({ sustainPolls: 2 }), overload, calm, overload, overload);
    expect(answers.map(kindsOf)).toEqual([undefined, undefined, undefined, ['drop']]);
    expect(create({ pollMs: 2.5 }).tickUs).toBe(2500);
  });

  it('leaves merges under way alone, merges what serves, and never repeats what was refused', () => {
    const merging = full(0, { phase: 'merging' });
    const [decisions] = poll(create(), clusterView([merging, full(1), full(2)]));
    expect(decisions).toMatchObject([{ kind: 'drop', groupIds: [1, 2] }]);
    const policy = create();
    const overload = clusterView([full(0), full(1)]);
    expect(poll(policy, overload, overload).map(kindsOf)).toEqual([['drop'], undefined]);
    const retiring = full(2, { phase: 'retiring', waitingBlocks: 99 });
    expect(poll(create(), clusterView([full(0), full(1), retiring]))[0]).toMatchObject([
      { groupIds: [0, 1] },
    ]);
  });
});

describe('memory pressure', () => {
  const need = { requestId: asRequestId(7), blocks: 1 };
  const running = [requestView(7, { kvBlocks: 3 })];
  const answer = (group: GroupView, others: readonly GroupView[], policy = create()) =>
    policy.onMemoryPressure?.(group, need, clusterView([group, ...others]));

  it('drops at once, however short the overload, the group in need first', () => {
    const group = full(5, { running, waitingBlocks: 0 });
    const decisions = answer(group, [full(0, { waitingBlocks: 0 }), full(1, { waitingBlocks: 0 })]);
    expect(decisions).toMatchObject([{ kind: 'drop', groupIds: [5, 0] }]);
  });

  it('leaves it to the next policy when too few groups are full, or one is left', () => {
    const group = full(0, { running });
    const idle = [groupView(1, 1), groupView(2, 1)];
    expect(answer(group, idle, create({ quorum: 0.5 }))).toBeUndefined();
    expect(kindsOf(answer(group, idle))).toEqual(['drop']);
    expect(answer(group, [])).toBeUndefined();
  });

  it('leaves it to the next policy while other groups merge', () => {
    expect(answer(full(0, { running }), [full(1, { phase: 'merging' })])).toBeUndefined();
  });

  it('waits for its merge, and for an exchange unless it is a stalled request that cannot move', () => {
    expect(kindsOf(answer(full(0, { running, phase: 'merging' }), []))).toEqual(['wait']);
    const pipeline = { freeBlocks: 0, running };
    const stalled = [requestView(8, { status: { kind: 'exchanging' } })];
    expect(kindsOf(answer(groupView(0, 2, { ...pipeline, stalled }), []))).toEqual(['wait']);
    const own = [requestView(7, { status: { kind: 'exchanging' } })];
    expect(answer(groupView(0, 2, { ...pipeline, running: [], stalled: own }), [])).toBeUndefined();
    // Requests that move back to an instance bring it no memory.
    expect(answer(groupView(0, 1, { ...pipeline, stalled }), [])).toBeUndefined();
  });

  it('merges for a request larger than its group, at any load, if that makes it fit', () => {
    const waiting = [requestView(7)];
    const group = groupView(0, 1, { waiting });
    const others = [groupView(1, 2), groupView(2, 1)];
    const large = (blocks: number) =>
      create().onMemoryPressure?.(
        group,
        { requestId: asRequestId(7), blocks },
        clusterView([group, ...others]),
      );
    expect(large(instanceBlocks)).toBeUndefined();
    expect(large(instanceBlocks + 1)).toMatchObject([{ kind: 'drop', groupIds: [0, 2] }]);
    const { pipelineBlocks } = memoryUnits(deps);
    expect(large(pipelineBlocks(alike(2)) + 1)).toMatchObject([{ kind: 'drop', groupIds: [0, 2, 1] }]);
    expect(large(pipelineBlocks(alike(4)) + 1)).toBeUndefined();
  });
});

/** A pipeline of two whose members use so many cells each. */
const pipeline = (usedCells: number, about: Partial<GroupView> = {}): GroupView => {
  const group = groupView(0, 2, about);
  const stages = group.stages.map((stage) => ({
    ...stage,
    instance: instanceView(stage.instance.id, { usedCells }),
  }));
  return { ...group, stages };
};
const cells = instanceBlocks * tinyModel.numLayers;
const views = (...usages: readonly number[]) => usages.map((usage) => clusterView([pipeline(usage * cells)]));

const afterLoad = (...groups: readonly GroupView[]) =>
  kindsOf(poll(create(), ...views(0.6), clusterView(groups))[1]);

/** Time of the first restore, in seconds, with every parameter as it is by default. */
const restoredAtS = (usageAt: (seconds: number) => number): number | undefined => {
  const policy = kunserve.create(kunserve.params.parse({}), deps);
  for (let polls = 1; polls <= 600; polls += 1) {
    const view = clusterView([pipeline(usageAt(polls / 10) * cells)], { nowUs: polls * 1e5 });
    if (kindsOf(policy.onTick?.(view))?.[0] === 'restore') return polls / 10;
  }
  return undefined;
};

/** Reports are half a second apart, and the first poll, at 0.1 s, takes the first. */
const isReported = (seconds: number): boolean => Math.round(10 * seconds) % 5 === 1;

describe('restore', () => {
  it('needs less than half of the memory without drop in use, and no rise', () => {
    expect(poll(create(), ...views(0.6, 0.49)).map(kindsOf)).toEqual([undefined, ['restore']]);
    expect(poll(create(), ...views(0.6, 0.51)).map(kindsOf)).toEqual([undefined, undefined]);
    expect(poll(create(), ...views(0.3, 0.4)).map(kindsOf)).toEqual([undefined, undefined]);
    expect(poll(create(), ...views(0, 0)).map(kindsOf)).toEqual([undefined, ['restore']]);
    expect(poll(create({ restore: false }), ...views(0.6, 0.49)).map(kindsOf)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('looks at the trend over as many reports as asked for', () => {
    const answers = poll(
      create({ trendReports: 3, restoreUsage: 0.35 }),
      ...views(0.36, 0.1, 0.2, 0.3, 0.35, 0.34),
    );
    // The last is above the one three reports before, though below the one before it.
    expect(answers.map(kindsOf)).toEqual([
      undefined,
      ['restore'],
      ['restore'],
      ['restore'],
      undefined,
      undefined,
    ]);
  });

  it('asks for a trend of 15 s, 30 load reports of half a second, whatever the poll', () => {
    // Rises for 20 s and stays: not before all of the rise has left the window.
    expect(restoredAtS((seconds) => Math.min(seconds, 20) / 50)).toBeCloseTo(35, 0);
    expect(restoredAtS((seconds) => seconds / 200)).toBeUndefined();
    expect(restoredAtS((seconds) => 0.4 - seconds / 200)).toBeCloseTo(0.6);
  });

  it('does not see what happens between two reports', () => {
    expect(restoredAtS((seconds) => (isReported(seconds) ? 0.4 : 0.6))).toBeCloseTo(0.6);
    expect(restoredAtS((seconds) => (isReported(seconds) ? 0.6 : 0.4))).toBeUndefined();
  });

  it('does not happen while anything is on its way, or when KV or a request would not fit', () => {
    const idle = [groupView(2, 1), groupView(3, 1), groupView(4, 1), groupView(5, 1)];
    const low = pipeline(0.1 * cells);
    expect(afterLoad(low, ...idle)).toEqual(['restore']);
    expect(afterLoad(low, ...idle, groupView(6, 1, { phase: 'retiring' }))).toBeUndefined();
    // Instances that start or are about to go are nothing that it would have to wait for.
    const scaling = [groupView(6, 1, { phase: 'loading' }), groupView(7, 1, { phase: 'draining' })];
    expect(afterLoad(low, ...idle, ...scaling)).toEqual(['restore']);
    expect(afterLoad(pipeline(0.1 * cells, { phase: 'draining' }), ...idle)).toBeUndefined();
    expect(afterLoad(pipeline(0.1 * cells, { stalled: [requestView(1)] }), ...idle)).toBeUndefined();
    expect(afterLoad(pipeline(0.97 * cells), ...idle)).toBeUndefined();
    const large = requestView(1, { tokens: instanceBlocks * blockSizeTokens + 1 });
    expect(afterLoad(pipeline(0.1 * cells, { waiting: [large] }), ...idle)).toBeUndefined();
  });

  it('comes no sooner than the dwell time after the last change, and is cancelled by new overload', () => {
    const policy = create({ minDwellMs: 250 });
    const restoring = clusterView([pipeline(0, { phase: 'restoring', freeBlocks: 0, waitingBlocks: 1 })]);
    const [low] = views(0) as [ClusterView];
    const answers = poll(policy, low, low, restoring, low, low, low, low);
    expect(answers.map(kindsOf)).toEqual([
      undefined,
      ['restore'],
      ['cancelRestore'],
      undefined,
      undefined,
      ['restore'],
      undefined,
    ]);
    expect(policy.stats?.()).toMatchObject({ restores: 2, cancelled_restores: 1, drops: 0 });
  });

  it('is cancelled under pressure as well, before anything is given up', () => {
    const policy = create();
    poll(policy, ...views(0.1, 0.1));
    const group = pipeline(0, {
      phase: 'restoring',
      freeBlocks: 0,
      running: [requestView(7, { kvBlocks: 1 })],
    });
    const ask = () =>
      policy.onMemoryPressure?.(group, { requestId: asRequestId(7), blocks: 1 }, clusterView([group]));
    expect(kindsOf(ask())).toEqual(['cancelRestore']);
  });
});
