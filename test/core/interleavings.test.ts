import { describe, expect, it } from 'vitest';
import { runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { LoadReporting } from '../../harness/core/state/load/load-reports.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import * as fc from '../fast-check.ts';
import { restless } from './restless.ts';
import { requests } from './schedules.ts';

const { 'least-loaded': leastLoaded, recompute, swap, unlimited } = policies;

const stacks: readonly (readonly PolicyDefinition[])[] = [
  [restless, leastLoaded, recompute],
  [restless, leastLoaded, swap, recompute],
  [restless, leastLoaded, unlimited],
];

const mostInstances = 5;

const run = fc.record({
  specs: requests,
  stackIndex: fc.nat({ max: stacks.length - 1 }),
  blocks: fc.integer({ min: 8, max: 30 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
  numInstances: fc.constantFrom(4, 4, 2, 3, mostInstances),
  stagesPerGroup: fc.constantFrom(1, 1, 2),
  extraInstances: fc.nat({ max: 3 }),
  weightsFrom: fc.constantFrom('disk', 'host', 'peer'),
  failureRatio: fc.constantFrom(0, 0.5),
  networkMBs: fc.constantFrom(1, 10, 100),
  migrationHandshakeUs: fc.constantFrom(0, 0, 300, 5000),
  weightsInHostMemory: fc.boolean(),
  policySeed: fc.nat(),
  engine: fc.constantFrom<Pick<TinyRun, 'engine' | 'admission'>>(
    { engine: 'vllm-v1' },
    { engine: 'vllm-v1', admission: 'first-chunk' },
    { engine: 'vllm-v0' },
    { engine: 'vllm-0.1' },
  ),
  loadReports: fc.constantFrom<LoadReporting>(
    { kind: 'live' },
    { kind: 'per-step' },
    { kind: 'every', us: 700 },
  ),
  faults: fc.uniqueArray(
    fc.record({ instance: fc.nat({ max: mostInstances - 1 }), atUs: fc.integer({ min: 1, max: 60_000 }) }),
    { maxLength: mostInstances - 1, selector: ({ instance }) => instance },
  ),
});

describe('any interleaving of merges, restores, migrations, starts, drains, faults and arrivals', () => {
  it('keeps every invariant at every event, ends every request once, and leaves nothing behind', () => {
    fc.assert(
      fc.property(run, (drawn) => {
        const { stackIndex, engine, networkMBs, migrationHandshakeUs, ...moreDrawn } = drawn;
        const { weightsInHostMemory, faults, ...others } = moreDrawn;
        const { extraInstances, weightsFrom, failureRatio, ...options } = others;
        const { numInstances } = options;
        const network = { bytesPerSecond: networkMBs * 1e6, latencyUs: 10 };
        const { seen } = runTiny({
          ...options,
          ...engine,
          maxInstances: numInstances + extraInstances,
          hardware: {
            network,
            migrationHandshakeUs,
            weightsInHostMemory,
            start: { ...tinyHardware(1).start, weightsFrom, failureRatio },
          },
          // One instance survives.
          faults: faults.filter(({ instance }) => instance < numInstances).slice(0, numInstances - 1),
          maxDurationUs: 3e6,
          policies: stacks[stackIndex] as readonly PolicyDefinition[],
        });
        const ids = seen.requests.map(({ id }) => id);
        expect(ids.toSorted((a, b) => a - b)).toEqual(options.specs.map(({ id }) => id));
        for (const record of seen.requests) {
          expect(['finished', 'failed', 'aborted']).toContain(record.status);
          if (record.status === 'finished') expect(record.generatedTokens).toBe(record.outputTokens);
        }
        const last = new Map(seen.samples.map((sample) => [sample.instanceId, sample]));
        for (const sample of last.values()) {
          const empty = { kvUsedBytes: 0, hostKvBytes: 0, numWaiting: 0, numRunning: 0, numStalled: 0 };
          expect(sample).toMatchObject(empty);
        }
      }),
      { numRuns: 1000 },
    );
  }, 180_000);
});
