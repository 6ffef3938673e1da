import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { BatchView } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

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
