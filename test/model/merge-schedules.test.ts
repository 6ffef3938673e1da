import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockSizeTokens, runTiny, tinyHardware, tinyModel } from '../../harness/conformance/tiny-cluster.ts';
import type { MicroBatch, Stage } from '../../harness/core/executor.ts';
import { MeasuredExecutor } from '../../harness/executors/measured.ts';
import { SimulatedExecutor } from '../../harness/executors/simulated.ts';
import { describeFailure, verifyTokens } from '../../harness/executors/verify.ts';
import { policies } from '../../policies/index.ts';
import { restless } from '../core/restless.ts';
import { requests } from '../core/schedules.ts';
import { backend } from './support.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;
const model = { backend, shape: tinyModel, seed: 3 };
const numInstances = 4;

/** Really runs every stage, and charges what the cost model says, so that a run repeats. */
class TimelessExecutor extends MeasuredExecutor {
  readonly #costs = new SimulatedExecutor(tinyModel, tinyHardware(1));

  numRemote = 0;
  numAbandoned = 0;

  override runStage(batch: MicroBatch, stage: Stage): number {
    this.numRemote += batch.numRemote;
    super.runStage(batch, stage);
    return this.#costs.runStage(batch, stage);
  }

  override abandonBatch(batch: MicroBatch): void {
    this.numAbandoned += 1;
    super.abandonBatch(batch);
  }
}

const run = fc.record({
  specs: requests,
  blocks: fc.integer({ min: 8, max: 30 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
  policySeed: fc.nat(),
  faults: fc.uniqueArray(
    fc.record({ instance: fc.nat({ max: numInstances - 1 }), atUs: fc.integer({ min: 1, max: 60_000 }) }),
    { maxLength: numInstances - 1, selector: ({ instance }) => instance },
  ),
});

describe('any merges, restores and faults on TensorFlow', () => {
  it('give the tokens of the model, hold what the core counts, and free all of it', () => {
    let numRemote = 0;
    let numAbandoned = 0;
    fc.assert(
      fc.property(run, (options) => {
        const before = backend.numTensors();
        const executor = new TimelessExecutor({ ...model, blockSizeTokens });
        const { seen } = runTiny({
          ...options,
          numInstances,
          maxDurationUs: 3e6,
          policies: [restless, leastLoaded, swap, recompute],
          executor,
        });
        const check = verifyTokens(executor.ended(), model);
        expect(check.failures.map(describeFailure)).toEqual([]);
        expect(check.verifiedTokens).toBe(seen.requests.reduce((sum, each) => sum + each.generatedTokens, 0));
        numRemote += executor.numRemote;
        numAbandoned += executor.numAbandoned;
        executor.close();
        expect(backend.numTensors()).toBe(before);
      }),
      { numRuns: 12, seed: 20261121, endOnFailure: true },
    );
    // The seed reaches what this is for.
    expect(numRemote).toBeGreaterThan(100);
    expect(numAbandoned).toBeGreaterThan(5);
  }, 60_000);
});
