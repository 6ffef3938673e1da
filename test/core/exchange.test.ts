import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { TransferRecord } from '../../harness/core/observer.ts';
import type { ClusterView } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { drop, exchange, restore, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

const waitUs = ({ startedAtUs, requestedAtUs }: TransferRecord) => startedAtUs - requestedAtUs;

/**
 * Two instances merge while each runs a long request, whose KV then moves for a while; short requests arrive meanwhile.
 * A layer of a stage takes `layerUs`.
 */
function exchangeBeside(layerUs: number, isCoordinated = true) {
  const { compute } = tinyHardware(20);
  const rates = { flopsPerSecond: 1e12, memoryBytesPerSecond: 1e12 };
  const fast = { ...compute, ...rates, attention: { ...rates, mixedDecodeRows: 1 } };
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
    const stalled = seen.requests.filter(({ stalledUs }) => stalledUs > 0);
    expect(new Set(stalled.map(({ id }) => id))).toEqual(new Set([0, 1]));
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

describe('moving back', () => {
  it('takes each request to the member with the most room', () => {
    const sizes = [8, 2, 2, 2];
    const { seen } = runTiny({
      specs: sizes.map((blocks, id) => request(id, 2000 + id, 16 * blocks - 8, 90)),
      policies: [scripted([drop(200, [0, 1]), restore(20_000)]), leastLoaded, recompute],
      numInstances: 2,
      maxBatchTokens: 400,
    });
    const into = seen.requests.toSorted((a, b) => a.id - b.id).map(({ groupId }) => groupId);
    expect(seen.requests.every(({ stalledUs }) => stalledUs > 0)).toBe(true);
    // The large one fills one member, so that the small ones go to the other.
    expect(new Set(into.slice(1)).size).toBe(1);
    expect(into[1]).not.toBe(into[0]);
  });

  it('takes none to a member that drains', () => {
    const members = new Map<number, ReadonlySet<number>>();
    const intruders: number[] = [];
    let numIntoOther = 0;
    const watch = ({ groups }: ClusterView) => {
      for (const { id, phase, running, stalled } of groups) {
        const ids = [...running, ...stalled].map((each) => each.id);
        const before = members.get(id);
        if (phase === 'draining') intruders.push(...ids.filter((each) => before?.has(each) === false));
        if (phase === 'serving') numIntoOther = Math.max(numIntoOther, stalled.length);
        members.set(id, new Set(ids));
      }
    };
    const { seen } = runTiny({
      specs: Array.from({ length: 8 }, (_, id) => request(id, id * 10, 40, 300)),
      policies: [
        scripted(
          [
            drop(4000, [0, 1], { ...exchange, maxRequests: 1 }),
            restore(20_000),
            {
              atUs: 20_200,
              decide: ({ groups }) => {
                const retiring = groups.find(({ phase }) => phase === 'retiring');
                const into = groups.filter(({ id }) => retiring !== undefined && id > retiring.id);
                return into.slice(0, 1).map(({ id }) => ({ kind: 'drain', groupId: id, reason: 'script' }));
              },
            },
          ],
          watch,
        ),
        leastLoaded,
        recompute,
      ],
      numInstances: 2,
      blocks: 60,
      hardware: { network: { bytesPerSecond: 3e6, latencyUs: 10 } },
    });
    expect(seen.events.map(({ kind }) => kind)).toContain('drainStarted');
    expect(numIntoOther).toBeGreaterThan(0);
    expect(intruders).toEqual([]);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });
});
