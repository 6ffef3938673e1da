import { describe, expect, it } from 'vitest';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import { policies } from '../../policies/index.ts';
import { restless } from '../core/restless.ts';
import { requests } from '../core/schedules.ts';
import * as fc from '../fast-check.ts';
import { isUsualSeed } from '../fast-check.ts';
import { runVerified } from './verified-run.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;
const numInstances = 4;

const run = fc.record({
  specs: requests,
  blocks: fc.integer({ min: 8, max: 30 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
  extraInstances: fc.nat({ max: 3 }),
  weightsFrom: fc.constantFrom('disk', 'host', 'peer'),
  failureRatio: fc.constantFrom(0, 0.3),
  networkMBs: fc.constantFrom(1, 10, 100),
  policySeed: fc.nat(),
  faults: fc.uniqueArray(
    fc.record({ instance: fc.nat({ max: numInstances - 1 }), atUs: fc.integer({ min: 1, max: 60_000 }) }),
    { maxLength: numInstances - 1, selector: ({ instance }) => instance },
  ),
});

const atLeast = {
  remote: 100,
  abandoned: 5,
  groupsMerged: 50,
  groupSplit: 20,
  drainStarted: 50,
  instanceStopped: 50,
  instanceFailed: 10,
  startFailed: 20,
  'live done': 50,
  'blocking done': 10,
  'recompute done': 10,
  'live aborted after 1': 20,
  'live aborted after 2': 1,
  'blocking aborted after 1': 1,
};

describe('any migrations, starts, drains, merges, restores and faults on TensorFlow', () => {
  it('give the tokens of the model, hold what the core counts, and free all of it', () => {
    const counts = new Map<string, number>();
    const count = (kind: string, times = 1) => counts.set(kind, (counts.get(kind) ?? 0) + times);
    fc.assert(
      fc.property(run, ({ extraInstances, weightsFrom, failureRatio, networkMBs, ...options }) => {
        const { seen, executor } = runVerified({
          ...options,
          numInstances,
          maxInstances: numInstances + extraInstances,
          maxDurationUs: 3e6,
          policies: [restless, leastLoaded, swap, recompute],
          hardware: {
            network: { bytesPerSecond: networkMBs * 1e6, latencyUs: 10 },
            start: { ...tinyHardware(1).start, weightsFrom, failureRatio },
          },
        });
        const ids = seen.requests.map(({ id }) => id);
        expect(ids.toSorted((a, b) => a - b)).toEqual(options.specs.map(({ id }) => id));
        count('remote', executor.numRemote);
        count('abandoned', executor.numAbandoned);
        for (const { kind } of seen.events) count(kind);
        for (const { protocol, numStages, abortReason } of seen.migrations) {
          count(abortReason === undefined ? `${protocol} done` : `${protocol} aborted after ${numStages}`);
        }
      }),
      { numRuns: 24, endOnFailure: true },
    );
    // The usual seed reaches what this is for.
    if (!isUsualSeed) return;
    const missed = Object.entries(atLeast).filter(([kind, times]) => (counts.get(kind) ?? 0) < times);
    expect(missed).toEqual([]);
  }, 120_000);
});
