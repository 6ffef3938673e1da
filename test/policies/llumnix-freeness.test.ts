import { describe, expect, it } from 'vitest';
import type { GroupView, RequestView } from '../../harness/policy/index.ts';
import { dispatchFreeness, migrationFreeness, stepsUntilFull } from '../../policies/llumnix/freeness.ts';
import { Priorities } from '../../policies/llumnix/priorities.ts';
import { groupView, requestView } from '../../harness/conformance/view-builders.ts';

/** 100 blocks of 16 tokens on each of so many instances, and a watermark of one hundredth. */
function group(about: Partial<GroupView>, numInstances = 1): GroupView {
  const totalBlocks = 100 * numInstances;
  return groupView(0, numInstances, { totalBlocks, freeBlocks: totalBlocks, ...about });
}

function requests(count: number, about: Partial<RequestView> = {}): RequestView[] {
  return Array.from({ length: count }, (_, id) => requestView(id, about));
}

/** So many running requests with blocks of their own. */
function running(count: number, blocksEach: number, about: Partial<RequestView> = {}): Partial<GroupView> {
  const used = count * blocksEach;
  return {
    running: requests(count, { kvBlocks: blocksEach, tokens: 16 * blocksEach, ...about }),
    freeBlocks: 100 - used,
    demandBlocks: used,
  };
}

const classes = [
  { name: 'normal', priority: 0, slo: {} },
  { name: 'high', priority: 1, slo: {} },
];
const priorities = Priorities.of(classes, 10);
const plain = { blockSizeTokens: 16, countsHead: true, priorities: undefined };

describe('freeness', () => {
  it('counts the decode steps that free blocks last', () => {
    // 99 usable blocks less 39, over 4 requests: 15 blocks of 16 tokens each.
    expect(dispatchFreeness(group(running(3, 13)), 16)).toBe((60 * 16) / 3);
    expect(migrationFreeness(group(running(3, 13)), plain)).toBe((60 * 16) / 3);
    expect(stepsUntilFull(3, 1, 16)).toBe(48);
  });

  it('is the same for the same tokens in larger blocks', () => {
    expect(stepsUntilFull(12, 2, 64)).toBe(stepsUntilFull(48, 2, 16));
  });

  it('is higher where less is used, infinite where nothing is, and negative where more is asked for', () => {
    expect(dispatchFreeness(group(running(2, 10)), 16)).toBeGreaterThan(
      dispatchFreeness(group(running(2, 40)), 16),
    );
    expect(dispatchFreeness(group({}), 16)).toBe(Infinity);
    expect(migrationFreeness(group({}), plain)).toBe(Infinity);
    const flooded = group({ ...running(2, 40), waiting: requests(5), waitingBlocks: 50, demandBlocks: 130 });
    // 31 blocks missing, shared among 7 requests; among more of them the same debt is smaller, as in paper and code.
    expect(dispatchFreeness(flooded, 16)).toBe((-31 * 16) / 7);
    expect(stepsUntilFull(-31, 79, 16)).toBeGreaterThan(stepsUntilFull(-31, 7, 16));
  });

  it('of an instance with one long request is comparable to others', () => {
    const oneLong = dispatchFreeness(group(running(1, 60)), 16);
    expect(oneLong).toBe(39 * 16);
    expect(oneLong).toBeGreaterThan(dispatchFreeness(group(running(20, 3)), 16));
  });

  it('counts the whole queue for dispatch, and its head only for migration', () => {
    const waiting = [requestView(8, { tokens: 160 }), requestView(9, { tokens: 320 })];
    const queued = group({ ...running(3, 10), waiting, waitingBlocks: 30, demandBlocks: 60 });
    expect(dispatchFreeness(queued, 16)).toBe((39 * 16) / 5);
    expect(migrationFreeness(queued, plain)).toBe((59 * 16) / 4);
    expect(migrationFreeness(queued, { ...plain, countsHead: false })).toBe((69 * 16) / 3);
  });

  it('counts blocks that a chunked prefill has yet to take, and those that a migration has taken already', () => {
    const prefilling = group({ running: requests(1, { kvBlocks: 4 }), freeBlocks: 96, demandBlocks: 50 });
    expect(dispatchFreeness(prefilling, 16)).toBe(49 * 16);
    expect(migrationFreeness(prefilling, plain)).toBe(49 * 16);
    const incoming = group({ ...running(1, 10), freeBlocks: 60, numMigratingIn: 1 });
    expect(dispatchFreeness(incoming, 16)).toBe(59 * 16);
  });

  it('counts swapped and stalled requests, which want their memory back', () => {
    const swapped = group({
      ...running(1, 10),
      swapped: requests(1),
      stalled: requests(1),
      demandBlocks: 39,
    });
    expect(dispatchFreeness(swapped, 16)).toBe((60 * 16) / 3);
  });

  it('is minus infinity on a group that drains, even an empty one', () => {
    expect(dispatchFreeness(group({ phase: 'draining' }), 16)).toBe(-Infinity);
    expect(migrationFreeness(group({ phase: 'draining', ...running(2, 1) }), plain)).toBe(-Infinity);
  });

  it('with one more request is what it would be then', () => {
    const incoming = requestView(9, { tokens: 160, kvBlocks: 11 });
    expect(migrationFreeness(group(running(3, 10)), plain, incoming)).toBe((58 * 16) / 4);
    expect(migrationFreeness(group({}), plain, incoming)).toBe(88 * 16);
  });
});

/** Freeness of the group for a request of that priority. */
function dispatchedFreeness(about: GroupView, priority: number, rules = priorities): number {
  return dispatchFreeness(about, 16, rules?.headroomBlocksFor(requestView(9, { priority }), about));
}

describe('headroom', () => {
  const withHeadroom = { ...plain, priorities };

  it('is charged once, however many requests of high priority there are', () => {
    const one = group({
      running: [requestView(0, { priority: 1 }), requestView(1)],
      freeBlocks: 98,
      demandBlocks: 2,
    });
    const two = group({ running: requests(2, { priority: 1 }), freeBlocks: 98, demandBlocks: 2 });
    // 90 of 100 blocks are headroom, 7 are left.
    expect(dispatchedFreeness(one, 0)).toBe((7 * 16) / 2);
    expect(dispatchedFreeness(two, 0)).toBe((7 * 16) / 2);
    expect(migrationFreeness(two, withHeadroom)).toBe((7 * 16) / 2);
  });

  it('counts for dispatch where the other kind is: on hosts for normal requests, on all others for high priority', () => {
    const host = group({ running: requests(1, { priority: 1 }), freeBlocks: 98, demandBlocks: 2 });
    const other = group(running(1, 2));
    expect([dispatchedFreeness(host, 0), dispatchedFreeness(host, 1)]).toEqual([7 * 16, 97 * 16]);
    expect([dispatchedFreeness(other, 0), dispatchedFreeness(other, 1)]).toEqual([97 * 16, 7 * 16]);
  });

  it('is there for a queued request of high priority as well, and for one that would come', () => {
    const queued = group({ waiting: requests(1, { priority: 1 }), waitingBlocks: 1, demandBlocks: 1 });
    expect(dispatchedFreeness(queued, 0)).toBe(8 * 16);
    const incoming = requestView(9, { priority: 1 });
    expect(migrationFreeness(group(running(1, 2)), withHeadroom, incoming)).toBe((6 * 16) / 2);
  });

  it.each(['running', 'waiting', 'swapped', 'stalled'] as const)('is there for one that is %s', (list) => {
    const host = group({ [list]: requests(1, { priority: 1 }), demandBlocks: 1 });
    expect(priorities?.isHost(host)).toBe(true);
    expect(priorities?.isHost(group({ [list]: requests(1) }))).toBe(false);
  });

  it('is not there for normal requests, nor where all classes are alike', () => {
    const normal = group(running(2, 10));
    expect(dispatchedFreeness(normal, 0)).toBe(dispatchFreeness(normal, 16));
    expect(Priorities.of([{ name: 'only', priority: 3, slo: {} }], 10)).toBeUndefined();
  });

  it('of more than two priorities is for all above the lowest', () => {
    const levels = [0, 1, 2].map((priority) => ({ name: `p${priority}`, priority, slo: {} }));
    const isHigh = (priority: number) => Priorities.of(levels, 10)?.isHigh(requestView(0, { priority }));
    expect([isHigh(0), isHigh(1), isHigh(2)]).toEqual([false, true, true]);
  });

  it('allows a pipeline as many times the load as it has instances, and never less than nothing', () => {
    const pipeline = group({ running: requests(1, { priority: 1 }), freeBlocks: 199, demandBlocks: 1 }, 2);
    // 200 blocks, 2 of watermark, 180 of headroom, 1 used.
    expect(dispatchedFreeness(pipeline, 0)).toBe(17 * 16);
    const high = group({ running: requests(1, { priority: 1 }), freeBlocks: 99, demandBlocks: 1 });
    expect(dispatchedFreeness(high, 0, Priorities.of(classes, 1000))).toBe(98 * 16);
  });
});
