import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import type { GroupView } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { drop, scripted } from './scripted.ts';

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
