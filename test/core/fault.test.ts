import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { blockSizeTokens, tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import type { Fault } from '../../harness/core/groups/fault.ts';
import { kvCellBytes } from '../../harness/domain/model-shape.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { decide, drop, migrate, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

const blocking = { kind: 'blocking' } as const;

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

/** Request 0 is stopped for its way from instance 0 to 2, and belongs to group 2 by then; request 2 is to leave that group. */
function crossing(faults: readonly Fault[]) {
  return runTiny({
    specs: [request(0, 0, 100, 60), request(1, 0, 20, 60), request(2, 0, 20, 60)],
    policies: [
      scripted([migrate(12_000, [0, 2], blocking), migrate(15_000, [2, 1], blocking)]),
      leastLoaded,
      recompute,
    ],
    numInstances: 3,
    blocks: 40,
    maxBatchTokens: 200,
    maxDurationUs: 1e6,
    faults,
    hardware: { network: { bytesPerSecond: 2e6, latencyUs: 100 } },
  }).seen;
}

describe('a step that a fault takes back', () => {
  it('was the last one before a request is stopped for its migration: the request goes on', () => {
    // Requests 0 and 1 run in the pipeline of instances 0 and 1; each has its KV on one of them alone.
    const { seen } = runTiny({
      specs: [request(0, 0, 60, 200), request(1, 0, 60, 200), request(2, 0, 60, 10)],
      policies: [
        scripted([
          drop(4000, [0, 1], { kind: 'remote-attention' }),
          {
            atUs: 6600,
            decide: ({ groups }) =>
              groups
                .filter(({ stages }) => stages.length === 2)
                .flatMap(({ running }) => Array.from(running, ({ id }) => id))
                .map((requestId) => ({
                  kind: 'migrate',
                  requestId,
                  groupId: asGroupId(2),
                  protocol: blocking,
                  reason: 'script',
                })),
          },
        ]),
        leastLoaded,
        recompute,
      ],
      numInstances: 3,
      blocks: 40,
      maxDurationUs: 1e6,
      faults: [{ instance: 1, atUs: 7000 }],
    });
    expect(seen.migrations).toHaveLength(2);
    for (const { startedAtUs, stoppedAtUs, endedAtUs } of seen.migrations) {
      expect({ startedAtUs, stoppedAtUs, endedAtUs }).toEqual({
        startedAtUs: 6600,
        stoppedAtUs: undefined,
        endedAtUs: 7000,
      });
    }
    expect(seen.requests.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
  });

  it('was the last one of another, in a group that has not failed: that migration goes on', () => {
    const inStepUs = 15_001;
    expect(crossing([]).migrations.find(({ requestId }) => requestId === 2)?.stoppedAtUs).toBeGreaterThan(
      inStepUs,
    );
    const seen = crossing([{ instance: 0, atUs: inStepUs }]);
    expect(seen.migrations).toMatchObject([
      { requestId: 0, abortReason: expect.stringContaining('instance 0') as string },
      { requestId: 2, abortReason: undefined, stoppedAtUs: inStepUs },
    ]);
    expect(seen.requests.map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
  });

  it('was the last one of a branch that is given up: it ends there and then', () => {
    const job = { id: 0, branches: [0, 1].map(asRequestId), needed: 1 };
    const specs = [
      { ...request(0, 0, 40, 10), job },
      { ...request(1, 0, 400, 60), job },
    ];
    const run = (faults: readonly Fault[]) => {
      const { seen } = runTiny({
        specs,
        policies: [leastLoaded, recompute],
        numInstances: 3,
        blocks: 40,
        maxBatchTokens: 400,
        faults,
      });
      return seen.requests.toSorted((a, b) => a.id - b.id).map(({ endedAtUs }) => endedAtUs as number);
    };
    const [finishedUs, abortedUs] = run([]) as [number, number];
    const betweenUs = Math.round((finishedUs + abortedUs) / 2);
    expect(abortedUs - finishedUs).toBeGreaterThan(1000);
    expect(run([{ instance: 1, atUs: betweenUs }])).toEqual([finishedUs, betweenUs]);
  });
});

describe('a member of a pipeline that fails', () => {
  const pipeline = { numInstances: 2, blocks: 20, sampleIntervalUs: 500 } as const;

  it('leaves a survivor that says when it begins to load what it lacks', () => {
    const { seen } = runTiny({
      ...pipeline,
      specs: [request(0, 0, 24, 80)],
      policies: [scripted([drop(1000, [0, 1])]), leastLoaded, recompute],
      faults: [{ instance: 1, atUs: 10_000 }],
    });
    const told = seen.events.filter(({ timeUs }) => timeUs >= 10_000);
    expect(told.map(({ kind, instanceId }) => [kind, instanceId])).toEqual([
      ['instanceFailed', 1],
      ['loadStarted', 0],
      ['weightsLoaded', 0],
      ['instanceReady', 0],
    ]);
    expect(told[1]?.timeUs).toBe(10_000);
  });

  it('is sampled once more, as failed, and then no longer', () => {
    const { seen } = runTiny({
      ...pipeline,
      specs: [request(0, 0, 24, 80)],
      policies: [leastLoaded, recompute],
      faults: [{ instance: 1, atUs: 10_200 }],
    });
    const samples = seen.samples.filter(({ instanceId }) => instanceId === 1);
    expect(samples.filter(({ state }) => state === 'failed')).toEqual([samples.at(-1)]);
    expect(samples.at(-1)?.timeUs).toBe(10_500);
    expect(seen.samples.at(-1)?.timeUs).toBeGreaterThan(15_000);
  });
});

describe('a request in host memory whose pipeline has failed', () => {
  it('is computed elsewhere, when it is too large for the survivor that has its KV', () => {
    // Request 0 keeps its KV on instance 0 alone, which has room for it while it holds half of the layers.
    const largest = policyOf({
      dispatch: (_, { groups }) => {
        const open = groups.filter(({ acceptsRequests }) => acceptsRequests);
        const [first] = open.toSorted((a, b) => b.totalBlocks - a.totalBlocks);
        return { kind: 'dispatch', groupId: first?.id ?? asGroupId(0), reason: 'the largest' };
      },
    });
    const swappedUs = 60_000;
    const { seen } = runTiny({
      specs: [request(0, 0, 100, 200)],
      policies: [
        scripted([
          drop(4000, [0, 1], { kind: 'remote-attention' }),
          drop(4200, [2, 3]),
          decide(swappedUs, { kind: 'preempt', requestId: 0, mode: 'swap', reason: 'script' }),
          {
            atUs: swappedUs + 10_000,
            decide: (view) =>
              view.request(asRequestId(0))?.status.kind === 'swapped'
                ? [{ kind: 'swapIn', requestId: asRequestId(0), reason: 'script' }]
                : [],
          },
        ]),
        largest,
        recompute,
      ],
      numInstances: 4,
      blocks: 10,
      maxBatchTokens: 200,
      maxDurationUs: 1e6,
      faults: [{ instance: 1, atUs: swappedUs + 5000 }],
    });
    const swapOuts = seen.transfers.filter(({ kind }) => kind === 'swap-out');
    const blockBytes = tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens);
    expect(swapOuts).toMatchObject([{ source: 0 }]);
    expect(swapOuts[0]?.bytes).toBeGreaterThan(10 * blockBytes);
    const elsewhere = seen.events.find(({ kind }) => kind === 'groupsMerged');
    expect(seen.requests).toMatchObject([{ status: 'finished', groupId: elsewhere?.groupId }]);
    expect(seen.transfers.filter(({ kind }) => kind === 'swap-in')).toEqual([]);
  });
});
