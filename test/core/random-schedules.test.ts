import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestSpec } from '../../harness/core/workload.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';

const { 'least-loaded': leastLoaded, 'round-robin': roundRobin, recompute, swap, unlimited } = policies;

const stacks: readonly (readonly PolicyDefinition[])[] = [
  [leastLoaded, recompute],
  [roundRobin, swap, recompute],
  [leastLoaded, unlimited],
];

const requests = fc
  .array(
    fc.record({
      gapUs: fc.integer({ min: 0, max: 4000 }),
      promptTokens: fc.integer({ min: 1, max: 120 }),
      outputTokens: fc.integer({ min: 1, max: 60 }),
      follows: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((rows) => {
    let timeUs = 0;
    return rows.map(({ gapUs, promptTokens, outputTokens, follows }, id): RequestSpec => {
      timeUs += gapUs;
      const spec = request(id, timeUs, promptTokens, outputTokens);
      return follows && id > 0
        ? { ...spec, arrival: { kind: 'after', requestId: id - 1, delayUs: gapUs } }
        : spec;
    });
  });

const run = fc.record({
  specs: requests,
  stackIndex: fc.nat({ max: stacks.length - 1 }),
  blocks: fc.integer({ min: 4, max: 40 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  numInstances: fc.constantFrom(1, 2, 3),
  stagesPerGroup: fc.constantFrom(1, 1, 2, 3),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
});

describe('any load on any stack', () => {
  it('ends every request exactly once, leaves nothing behind, and repeats', () => {
    fc.assert(
      fc.property(run, ({ stackIndex, ...options }) => {
        const stack = stacks[stackIndex] as readonly PolicyDefinition[];
        const first = runTiny({ ...options, policies: stack });
        const ids = first.seen.requests.map(({ id }) => id);
        expect(ids.toSorted((a, b) => a - b)).toEqual(options.specs.map(({ id }) => id));
        for (const record of first.seen.requests) {
          // Only what is larger than the memory fails, and only what failed is incomplete.
          expect(['finished', 'failed']).toContain(record.status);
          if (record.status === 'finished') expect(record.generatedTokens).toBe(record.outputTokens);
        }
        for (const sample of first.seen.samples.slice(-options.numInstances)) {
          expect(sample).toMatchObject({
            kvUsedBytes: 0,
            hostKvBytes: 0,
            numWaiting: 0,
            numRunning: 0,
            numSwapped: 0,
          });
        }
        const second = runTiny({ ...options, policies: stack });
        expect(second.seen.requests).toEqual(first.seen.requests);
        expect(second.seen.decisions).toEqual(first.seen.decisions);
      }),
      { numRuns: 300, seed: 20260101 },
    );
  });
});
