import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { decide, drop, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

/** Where the weights come from that the survivor of a pair loads, when these instances fail one after the other. */
function weightSources(failing: readonly number[], weightsInHostMemory = false) {
  const { seen } = runTiny({
    specs: Array.from({ length: 8 }, (_, id) => request(id, id * 1000, 24, 20)),
    policies: [scripted([drop(5000, [0, 1])]), leastLoaded, recompute],
    numInstances: 4,
    faults: failing.map((instance, index) => ({ instance, atUs: 20_000 + 10_000 * index })),
    hardware: { network: { bytesPerSecond: 1e6, latencyUs: 10 }, weightsInHostMemory },
  });
  expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  const pulls = seen.transfers.filter(({ kind }) => kind === 'weights');
  const lastFaultUs = 20_000 + 10_000 * (failing.length - 1);
  expect(pulls.every(({ target, requestedAtUs }) => target === 0 && requestedAtUs >= lastFaultUs)).toBe(true);
  return pulls.map(({ source }) => source);
}

describe('weights on their way from a peer that fails', () => {
  it('come from another peer, from the start', () => {
    expect(weightSources([1])).toEqual([2]);
    expect(weightSources([1, 2])).toEqual([3]);
  });

  it('come from host memory or disk when no peer is left', () => {
    expect(weightSources([1, 2, 3])).toEqual(['disk']);
    expect(weightSources([1, 2, 3], true)).toEqual(['host']);
  });
});

describe('a fault of an instance that is not there', () => {
  it('is none: never started, or released before', () => {
    const none = decide(1000, { kind: 'drain', groupId: 1, reason: 'script' });
    const one = {
      ...policyOf({ initialInstances: () => 2 }),
      name: 'two',
    };
    const { seen } = runTiny({
      specs: [request(0, 0, 24, 20)],
      policies: [one, scripted([none]), leastLoaded, recompute],
      numInstances: 4,
      faults: [
        { instance: 1, atUs: 4000 },
        { instance: 3, atUs: 5000 },
      ],
    });
    expect(seen.requests).toMatchObject([{ status: 'finished', numPreemptions: 0 }]);
    expect(seen.events.some(({ kind }) => kind === 'instanceFailed')).toBe(false);
    expect(seen.events.find(({ kind }) => kind === 'instanceStopped')?.timeUs).toBeLessThan(4000);
  });
});
