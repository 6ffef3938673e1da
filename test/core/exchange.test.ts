import { describe, expect, it } from 'vitest';
import { request, runTiny, tinyHardware } from '../../harness/conformance/tiny-cluster.ts';
import type { TransferRecord } from '../../harness/core/observer.ts';
import { policies } from '../../policies/index.ts';
import { drop, exchange, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

const waitUs = ({ startedAtUs, requestedAtUs }: TransferRecord) => startedAtUs - requestedAtUs;

/**
 * Two instances merge while each runs a long request, whose KV then moves for a while; short requests arrive meanwhile.
 * A layer of a stage takes `layerUs`.
 */
function exchangeBeside(layerUs: number, isCoordinated = true) {
  const { compute } = tinyHardware(20);
  const fast = { ...compute, flopsPerSecond: 1e12, memoryBytesPerSecond: 1e12 };
  const long = [0, 1].map((id) => request(id, 0, 16 * 14, 40));
  const short = Array.from({ length: 20 }, (_, id) => request(id + 2, 12 * layerUs * (id + 1), 8, 8));
  const { seen } = runTiny({
    specs: [...long, ...short],
    policies: [scripted([drop(6 * layerUs, [0, 1], { ...exchange, isCoordinated })]), leastLoaded, recompute],
    numInstances: 2,
    maxBatchTokens: 400,
    hardware: {
      compute: { ...fast, layerOverheadUs: layerUs, stepOverheadUs: 0 },
      // 14 blocks in two layers: about 57 kB, 100 times as long as a layer.
      network: { bytesPerSecond: (57_344 * 1e6) / (100 * layerUs), latencyUs: 0 },
    },
  });
  const moves = seen.transfers.filter(({ kind }) => kind === 'exchange');
  const lastArrivalUs = Math.max(...moves.map(({ endedAtUs }) => endedAtUs));
  const waits = seen.transfers
    .filter(({ kind, requestedAtUs }) => kind === 'activations' && requestedAtUs < lastArrivalUs)
    .map(waitUs);
  return { seen, moves, lastArrivalUs, longestWaitUs: Math.max(...waits) };
}

describe('while KV is on its way', () => {
  it('the group admits and runs other requests', () => {
    const { seen, moves, lastArrivalUs } = exchangeBeside(100);
    expect(moves).toHaveLength(2);
    const firstStartUs = Math.min(...moves.map(({ startedAtUs }) => startedAtUs));
    const served = seen.requests.filter(
      ({ arrivedAtUs, endedAtUs }) => arrivedAtUs > firstStartUs && (endedAtUs as number) < lastArrivalUs,
    );
    expect(served.length).toBeGreaterThan(0);
    expect(
      seen.requests
        .filter(({ stalledUs }) => stalledUs > 0)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual([0, 1]);
  });

  // Before the merge a stage has four layers, so that this is one stage time, however long that is.
  it.each([30, 3000])('activations wait about one stage time at most (%i us a layer)', (layerUs) => {
    const { longestWaitUs } = exchangeBeside(layerUs);
    expect(longestWaitUs).toBeLessThanOrEqual(4.5 * layerUs);
    expect(longestWaitUs).toBeGreaterThan(layerUs);
  });

  it('activations wait for the whole transfer if they are not coordinated', () => {
    const { longestWaitUs, moves } = exchangeBeside(30, false);
    const wholeUs = Math.max(...moves.map(({ startedAtUs, endedAtUs }) => endedAtUs - startedAtUs));
    expect(wholeUs).toBeGreaterThan(2900);
    expect(longestWaitUs).toBeGreaterThan(0.5 * wholeUs);
  });
});

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
