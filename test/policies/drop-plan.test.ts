import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { Hardware } from '../../harness/policy/index.ts';
import { planDrop, planGrowth } from '../../policies/kunserve/drop-plan.ts';
import * as fc from '../fast-check.ts';
import { deps } from '../../harness/conformance/view-builders.ts';

const copyBytes = 100;

const alike = (size: number): readonly Hardware[] => Array.from({ length: size }, () => deps.startHardware);

/** Groups of these sizes, ids in order; the first ones lack more where sizes are equal. */
function groups(...sizes: readonly number[]) {
  return sizes.map((size, id) => ({
    groupId: asGroupId(id),
    members: alike(size),
    isOverloaded: false,
    unmetBlocks: -id,
  }));
}

function plan(sizes: readonly number[], neededBytes: number, maxStages = Infinity) {
  return planDrop(groups(...sizes), { neededBytes, copyBytes, maxStages, pipelineBlocks });
}

/** A pipeline holds more than its instances would alone, by one copy of the weights for each but the first. */
const pipelineBlocks = ({ length }: readonly Hardware[]) => 100 * length + 50 * (length - 1);

const unevenBlocks = ({ length }: readonly Hardware[]) => [0, 111, 258, 369][length] ?? 0;

describe('drop plan', () => {
  it('makes no pipeline that holds less than its parts: 4 layers on 3 instances leave memory that no block can use', () => {
    const limits = { neededBytes: 99 * copyBytes, copyBytes, maxStages: 9, pipelineBlocks: unevenBlocks };
    expect(planDrop(groups(1, 1, 1), limits)).toEqual([[0, 1]]);
    expect(planDrop(groups(1, 2), limits)).toEqual([]);
  });

  it('merges the two smallest of groups of one, two and three instances, as in the paper', () => {
    expect(plan([3, 1, 2], 1)).toEqual([[1, 2]]);
  });

  it('lets groups grow from one to two to four', () => {
    expect(plan([1, 1, 1, 1], 100)).toEqual([[0, 1]]);
    expect(plan([1, 1, 1, 1], 200)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(plan([1, 1, 1, 1], 300)).toEqual([[0, 1, 2, 3]]);
  });

  it('starts from the groups that there are', () => {
    expect(plan([2, 2], 1)).toEqual([[0, 1]]);
  });

  it('merges as often as the demand needs copies, or until one group is left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 2500 }),
        (sizes, neededBytes) => {
          const sets = plan(sizes, neededBytes);
          const numMerges = sets.reduce((sum, set) => sum + set.length - 1, 0);
          expect(numMerges).toBe(Math.min(Math.ceil(neededBytes / copyBytes), sizes.length - 1));
          expect(new Set(sets.flat()).size).toBe(sets.flat().length);
        },
      ),
    );
  });

  it('merges nothing into more stages than allowed', () => {
    expect(plan([1, 1, 1, 1], 1000, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(plan([2, 2], 1000, 3)).toEqual([]);
  });

  it('prefers, among groups of one size, those whose memory is short, then those that lack most', () => {
    const limits = { neededBytes: 1, copyBytes, maxStages: 9, pipelineBlocks };
    const planFor = (...shortIds: readonly number[]) => {
      const lacking = [3, 9, 5, 1].map((unmetBlocks, id) => {
        const isOverloaded = shortIds.includes(id);
        return { groupId: asGroupId(id), members: alike(1), isOverloaded, unmetBlocks };
      });
      return planDrop(lacking, limits);
    };
    expect(planFor()).toEqual([[1, 2]]);
    expect(planFor(3)).toEqual([[3, 1]]);
    expect(planFor(0, 3)).toEqual([[0, 3]]);
  });
});

const growth = (fromSize: number, maxStages = 9) =>
  planGrowth(groups(2, 3, 1, 1), {
    groupId: asGroupId(1),
    maxStages,
    fits: ({ length }) => length >= fromSize,
  });

describe('growth for a request larger than its group', () => {
  it('adds the smallest other groups until the request fits', () => {
    expect(growth(4)).toEqual([1, 2]);
    expect(growth(5)).toEqual([1, 2, 3]);
    expect(growth(7)).toEqual([1, 2, 3, 0]);
  });

  it('is none where no merge helps', () => {
    expect(growth(8)).toBeUndefined();
    expect(growth(5, 4)).toBeUndefined();
  });
});
