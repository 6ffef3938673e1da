import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { kunserve } from '../../policies/kunserve/kunserve.ts';
import { policies } from '../../policies/index.ts';
import * as fc from '../fast-check.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;

/** KunServe that polls, drops and restores as soon as it may, where a step takes tenths of a millisecond, and loading weights some. */
function eager(params: Record<string, unknown>): PolicyDefinition {
  const quick = { sustainPolls: 1, reportMs: 0.2, trendReports: 1, minDwellMs: 1, restoreUsage: 0.9 };
  const settings = kunserve.params.parse({ ...quick, ...params, pollMs: 0.2 });
  return { ...kunserve, create: (_defaults, deps) => kunserve.create(settings, deps) };
}

/** Waves of requests that fill the memory, with time between to empty it. */
const waves = fc
  .array(
    fc.record({
      pauseUs: fc.integer({ min: 500, max: 10_000 }),
      lengths: fc.array(
        fc.record({
          promptTokens: fc.integer({ min: 1, max: 100 }),
          outputTokens: fc.integer({ min: 1, max: 60 }),
        }),
        { minLength: 5, maxLength: 30 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((list) => {
    let timeUs = 0;
    let id = 0;
    return list.flatMap(({ pauseUs, lengths }) => {
      timeUs += pauseUs;
      return lengths.map(({ promptTokens, outputTokens }) => {
        timeUs += 20;
        id += 1;
        return request(id, timeUs, promptTokens, outputTokens);
      });
    });
  });

const fast = {
  ...tinyHardware(0).compute,
  flopsPerSecond: 1e11,
  memoryBytesPerSecond: 1e11,
  attention: { flopsPerSecond: 1e11, memoryBytesPerSecond: 1e11, mixedDecodeRows: 1 },
  layerOverheadUs: 5,
  stepOverheadUs: 10,
};

const run = fc.record({
  specs: waves,
  blocks: fc.integer({ min: 12, max: 24 }),
  numInstances: fc.integer({ min: 2, max: 5 }),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
  hostBlocks: fc.constantFrom(0, 40),
});

const params = fc.record({
  quorum: fc.constantFrom(0, 0.5),
  transition: fc.constantFrom('exchange', 'remote-attention'),
  exchangeRequests: fc.constantFrom(1, 8),
  coordinated: fc.boolean(),
  restoreRunning: fc.constantFrom('finish', 'move-back'),
  minTokens: fc.constantFrom(1, 16),
});

describe('any arrivals under KunServe', () => {
  it('are all served, whatever it drops and restores, and none of its decisions is refused', () => {
    const counts = { drop: 0, restore: 0, cancelRestore: 0 };
    fc.assert(
      fc.property(run, params, fc.boolean(), (options, settings, swaps) => {
        const { seen } = runTiny({
          ...options,
          hardware: { compute: fast },
          maxDurationUs: 30e6,
          checkEvery: 3,
          policies: [eager(settings), leastLoaded, ...(swaps ? [swap, recompute] : [recompute])],
        });
        const own = seen.decisions.filter(({ policy }) => policy === 'kunserve');
        // That a restore has just ended is nothing that a policy could know.
        const refused = own.filter(({ outcome, kind }) => outcome === 'rejected' && kind !== 'cancelRestore');
        expect(refused).toEqual([]);
        for (const { status } of seen.requests) expect(status).toBe('finished');
        for (const { kind } of own) counts[kind as keyof typeof counts] += 1;
      }),
      { numRuns: 150 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
  });
});
