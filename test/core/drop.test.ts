import { describe, expect, it } from 'vitest';
import { request, runTiny, tinyModel } from '../../harness/conformance/tiny-cluster.ts';
import type { BatchView, ClusterView, GroupView } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { drop, moveBack, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

interface Seen {
  readonly totalBlocks: number;
  readonly freeBlocks: number;
  readonly maxRunning: number;
  /** What each member could hold by itself. */
  readonly memberBlocks: readonly number[];
}

/** What the policy sees of groups of so many members, while they have nothing to do. */
function seenOfGroup(numInstances: number): Seen {
  let seen: Seen | undefined;
  const look = ({ stages, totalBlocks, freeBlocks, limits, running }: GroupView) => {
    if (stages.length !== numInstances || running.length > 0) return;
    const memberBlocks = stages.map(({ instance, numLayers }) => Math.floor(instance.totalCells / numLayers));
    seen = { totalBlocks, freeBlocks, maxRunning: limits.maxRunning, memberBlocks };
  };
  const ids = Array.from({ length: numInstances }, (_, id) => id);
  runTiny({
    specs: [request(0, 10_000, 16, 2)],
    policies: [
      scripted(numInstances === 1 ? [] : [drop(1000, ids)], ({ groups }) => groups.forEach(look)),
      leastLoaded,
      recompute,
    ],
    numInstances,
  });
  return seen as Seen;
}

describe('a merged group', () => {
  it('holds as many blocks as its tightest member: 4 layers on 3 instances', () => {
    const { totalBlocks, freeBlocks, memberBlocks } = seenOfGroup(3);
    const least = Math.min(...memberBlocks);
    expect(Math.max(...memberBlocks)).toBeGreaterThan(least);
    expect(totalBlocks).toBe(least);
    expect(freeBlocks).toBe(least);
    expect(totalBlocks).toBeGreaterThan(seenOfGroup(1).totalBlocks);
  });

  it('may run as many requests as its members would', () => {
    const alone = seenOfGroup(1).maxRunning;
    expect(seenOfGroup(2).maxRunning).toBe(2 * alone);
    expect(seenOfGroup(tinyModel.numLayers).maxRunning).toBe(tinyModel.numLayers * alone);
  });
});

/** Requests of each micro-batch, as it ends its first stage, in a pipeline of two of the start. */
function microBatches(numRequests: number, form?: (batch: BatchView) => readonly (readonly number[])[]) {
  let isFirst = true;
  const policy = policyOf({
    formMicroBatches: (batch) => {
      if (form === undefined || !isFirst) return undefined;
      isFirst = false;
      return form(batch).map((ids) => ({
        entries: batch.entries
          .filter((entry) => ids.includes(entry.request.id))
          .map((entry) => ({ requestId: entry.request.id, numTokens: entry.numTokens })),
      }));
    },
  });
  const { seen } = runTiny({
    specs: Array.from({ length: numRequests }, (_, id) => request(id, 0, 4, 8)),
    policies: [policy, leastLoaded, recompute],
    numInstances: 2,
    stagesPerGroup: 2,
  });
  return seen.stages.filter(({ stageIndex }) => stageIndex === 0).map((stage) => stage.numRequests);
}

describe('micro-batches that no policy forms', () => {
  it('share the requests evenly, one for each stage that is free', () => {
    expect(microBatches(8).slice(0, 2)).toEqual([4, 4]);
    expect(microBatches(9).slice(0, 2)).toEqual([5, 4]);
  });

  it('are several when most of the requests come back at once', () => {
    const others = Array.from({ length: 12 }, (_, index) => index + 1);
    const [first, second, ...later] = microBatches(13, () => [[0], others]);
    expect([first, second]).toEqual([1, 12]);
    expect(Math.max(...later)).toBeLessThanOrEqual(7);
  });
});

describe('moving back', () => {
  it('takes each request to the member with the most room', () => {
    const sizes = [8, 2, 2, 2];
    const { seen } = runTiny({
      specs: sizes.map((blocks, id) => request(id, 2000 + id, 16 * blocks - 8, 90)),
      policies: [scripted([drop(200, [0, 1]), moveBack(20_000)]), leastLoaded, recompute],
      numInstances: 2,
      maxBatchTokens: 400,
    });
    const into = seen.requests.toSorted((a, b) => a.id - b.id).map(({ groupId }) => groupId);
    expect(seen.requests.every(({ numMigrations }) => numMigrations === 1)).toBe(true);
    // The large one fills one member, so that the small ones go to the other.
    expect(new Set(into.slice(1)).size).toBe(1);
    expect(into[1]).not.toBe(into[0]);
  });
});

/** When each request was admitted and ended, with a quarter of 20 blocks kept free. */
function withWatermark(...promptBlocks: readonly number[]) {
  const { seen } = runTiny({
    specs: promptBlocks.map((blocks, id) => request(id, id, 16 * blocks, id === 0 ? 12 : 2)),
    policies: [policyOf({ limits: () => ({ watermarkRatio: 0.25 }) }), leastLoaded, recompute],
    blocks: 20,
    maxBatchTokens: 400,
  });
  return seen.requests.toSorted((a, b) => a.id - b.id);
}

describe('admission', () => {
  it('leaves the watermark free beside running requests', () => {
    // The first holds 11 blocks from its first token on, which with 5 kept free leaves 4.
    const [first, second] = withWatermark(10, 4);
    expect(second?.firstScheduledAtUs).toBeLessThan(first?.endedAtUs as number);
    const [before, waiting] = withWatermark(10, 5);
    expect(waiting?.firstScheduledAtUs).toBeGreaterThanOrEqual(before?.endedAtUs as number);
  });

  it('gives all of an empty group to one request', () => {
    expect(withWatermark(18)).toMatchObject([{ status: 'finished', firstScheduledAtUs: 0 }]);
  });
});

/** Kinds of the waiting requests at every moment at which requests of both kinds wait. */
function mixedQueues(): string[][] {
  const queues: string[][] = [];
  const watch = ({ groups }: ClusterView) => {
    for (const { waiting } of groups) {
      const kinds = Array.from(waiting, ({ status }) => status.kind);
      if (new Set(kinds).size > 1) queues.push(kinds);
    }
  };
  runTiny({
    specs: Array.from({ length: 16 }, (_, id) => request(id, id, 40, 60)),
    policies: [scripted([], watch), leastLoaded, recompute],
    blocks: 20,
  });
  return queues;
}

describe('a request that has been preempted', () => {
  it('waits before those that have not been admitted yet', () => {
    const queues = mixedQueues();
    expect(queues.length).toBeGreaterThan(0);
    for (const kinds of queues) {
      expect(kinds.lastIndexOf('preempted')).toBeLessThan(kinds.indexOf('queued'));
    }
  });
});
