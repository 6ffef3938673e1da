import { expect, it } from 'vitest';
import type { Policy } from '../../harness/policy/index.ts';
import { coldStartUs } from '../../harness/domain/cold-start.ts';
import { memoryUtilisation } from '../../policies/memory-utilisation/memory-utilisation.ts';
import * as fc from '../fast-check.ts';
import { ToyFleet } from './toy-fleet.ts';
import { deps } from '../../harness/conformance/view-builders.ts';

const second = 1e6;

function createPolicy(params: object = {}): Policy {
  return memoryUtilisation.create(memoryUtilisation.params.parse(params), deps);
}

/** What one look decides, with so many requests on instances that ten requests fill. */
function look(numInstances: number, numRequests: number, params: object = {}): unknown {
  const fleet = new ToyFleet({ numInstances, maxInstances: 8 });
  return createPolicy(params).onTick?.(fleet.view(numRequests));
}

it('adds one instance above half of the memory, and only above it', () => {
  expect(look(2, 10)).toEqual([]);
  expect(look(2, 11)).toEqual([
    { kind: 'scaleUp', numInstances: 1, reason: 'KV usage 0.55 of 2 instances is above 0.5' },
  ]);
  expect(look(2, 500)).toMatchObject([{ kind: 'scaleUp', numInstances: 1 }]);
});

it('removes one below a quarter, and only below it', () => {
  expect(look(2, 5)).toEqual([]);
  expect(look(2, 4)).toEqual([
    { kind: 'drain', groupId: 1, reason: 'KV usage 0.20 of 2 instances is below 0.25' },
  ]);
});

it('keeps its bounds', () => {
  expect(look(1, 0)).toEqual([]);
  expect(look(3, 0, { minInstances: 3 })).toEqual([]);
  expect(look(3, 99, { maxInstances: 3 })).toEqual([]);
  expect(look(2, 10, { minInstances: 4 })).toMatchObject([{ kind: 'scaleUp', numInstances: 2 }]);
  expect(look(5, 25, { maxInstances: 4 })).toMatchObject([{ kind: 'drain' }]);
});

it('waits a cooldown between two changes: the mean cold start unless told otherwise', () => {
  const instant = { provisioningUs: 0, loadingUs: 0, drainUs: 0 };
  const changesAt = (params: object, times: readonly number[]) => {
    const fleet = new ToyFleet({ numInstances: 1, maxInstances: 8, ...instant });
    const policy = createPolicy(params);
    return times.map((timeUs) => {
      fleet.nowUs = timeUs;
      fleet.run({ tickUs: 1, onTick: (view) => policy.onTick?.(view) }, timeUs + 1, () => 80);
      return fleet.size;
    });
  };
  const coldUs = coldStartUs(deps.model, deps.startHardware);
  expect(changesAt({}, [0, coldUs - 1, coldUs, 2 * coldUs])).toEqual([2, 2, 3, 4]);
  expect(changesAt({ cooldownS: 40 }, [0, 40 * second - 1, 40 * second])).toEqual([2, 2, 3]);
});

it('waits for an instance that takes longer to start than the cooldown', () => {
  const fleet = new ToyFleet({ numInstances: 1, maxInstances: 8, provisioningUs: 30 * second, loadingUs: 0 });
  const sizes = fleet.run(createPolicy({ cooldownS: 5 }), 40 * second, () => 100);
  expect(sizes.slice(0, 30)).toEqual(Array(30).fill(2));
  expect(sizes.at(-1)).toBe(3);
});

it('removes nothing either while one is still coming', () => {
  const fleet = new ToyFleet({ numInstances: 1, maxInstances: 8, provisioningUs: 30 * second, loadingUs: 0 });
  const loadAt = (nowUs: number) => (nowUs < 10 * second ? 100 : 0);
  const sizes = fleet.run(createPolicy({ cooldownS: 5 }), 40 * second, loadAt);
  expect(sizes.indexOf(1)).toBe(30);
  expect(sizes.slice(30)).toEqual(Array(10).fill(1));
});

it('is not kept waiting by a change that it could not make', () => {
  const fleet = new ToyFleet({ numInstances: 1, maxInstances: 8 });
  const loadAt = (nowUs: number) => (nowUs < 10 * second ? 0 : 100);
  const sizes = fleet.run(createPolicy({ cooldownS: 60 }), 10 * second, loadAt);
  expect(sizes.at(-1)).toBe(2);
});

it('refuses thresholds and bounds the wrong way round', () => {
  for (const params of [{ upUsage: 0.2 }, { downUsage: 0.5 }, { minInstances: 3, maxInstances: 2 }]) {
    expect(memoryUtilisation.params.safeParse(params).success).toBe(false);
  }
});

it('stays within the bounds whatever the load does, and settles when it does not change', () => {
  const loads = fc.array(fc.nat(120), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(loads, fc.integer({ min: 2, max: 8 }), (load, numInstances) => {
      const fleet = new ToyFleet({ numInstances, maxInstances: 8 });
      const loadAt = (nowUs: number) =>
        load[Math.min(load.length - 1, Math.floor(nowUs / (10 * second)))] ?? 0;
      const policy = createPolicy({ minInstances: 2, cooldownS: 3 });
      const sizes = fleet.run(policy, load.length * 10 * second + 120 * second, loadAt);
      for (const size of sizes) expect(size >= 2 && size <= 8).toBe(true);
      expect(new Set(sizes.slice(-30)).size).toBe(1);
    }),
    { numRuns: 50 },
  );
});
