import { describe, expect, it } from 'vitest';
import { PolicyError } from '../../harness/base/errors.ts';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { StuckError } from '../../harness/core/run-errors.ts';
import type { Decision, Policy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';

const { 'least-loaded': leastLoaded, 'round-robin': roundRobin, recompute, swap, unlimited } = policies;

describe('continuous batching', () => {
  it('serves one request: prefill, then one token a step', () => {
    const { seen, totals } = runTiny({ specs: [request(0, 100, 20, 5)], policies: [leastLoaded, recompute] });
    const [record] = seen.requests;
    expect(record).toMatchObject({ status: 'finished', generatedTokens: 5, firstScheduledAtUs: 100 });
    expect(seen.stages.map(({ prefillTokens, decodeTokens }) => [prefillTokens, decodeTokens])).toEqual([
      [20, 0],
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(seen.numGaps).toBe(4);
    expect(totals.generatedTokens).toBe(5);
    expect(record?.firstTokenAtUs).toBe(seen.stages[0]?.endedAtUs);
  });

  it('cuts a long prompt into chunks of the token budget, decodes first', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 10, 8), request(1, 1, 150, 2)],
      policies: [leastLoaded, recompute],
      maxBatchTokens: 64,
    });
    const mixed = seen.stages.filter((stage) => stage.decodeTokens > 0 && stage.prefillTokens > 0);
    expect(mixed.map(({ prefillTokens }) => prefillTokens)).toEqual([63, 63, 24]);
  });

  it('admits in order of arrival and keeps the watermark free', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 16 * 10, 4), request(1, 1, 16 * 10, 4)],
      policies: [leastLoaded, recompute],
      blocks: 20,
      maxBatchTokens: 400,
    });
    const [first, second] = seen.requests;
    expect([first?.id, second?.id]).toEqual([0, 1]);
    expect(second?.firstScheduledAtUs).toBeGreaterThanOrEqual(first?.endedAtUs as number);
  });
});

const overload = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 60));

function runWithoutAnswer() {
  return runTiny({ specs: overload, policies: [leastLoaded], blocks: 20 });
}

describe('memory pressure', () => {
  it('recompute gives up the request admitted last and loses no token', () => {
    const { seen } = runTiny({ specs: overload, policies: [leastLoaded, recompute], blocks: 20 });
    const preempted = seen.decisions.filter((decision) => decision.kind === 'preempt');
    expect(preempted.length).toBeGreaterThan(0);
    expect(seen.requests.map(({ status }) => status)).toEqual(overload.map(() => 'finished'));
    expect(seen.requests.every(({ generatedTokens }) => generatedTokens === 60)).toBe(true);
    expect(
      seen.requests.some(({ numPreemptions, preemptedUs }) => numPreemptions > 0 && preemptedUs > 0),
    ).toBe(true);
    expect(seen.requests.find(({ id }) => id === 0)?.numPreemptions).toBe(0);
  });

  it('swap moves KV over the host link and brings it back', () => {
    const { seen, totals } = runTiny({
      specs: overload,
      policies: [leastLoaded, swap, recompute],
      blocks: 20,
    });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    const kinds = new Set(seen.transfers.map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual(['swap-in', 'swap-out']);
    expect(totals.swappedBytes).toBe(seen.transfers.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(seen.decisions.some(({ data }) => data['mode'] === 'recompute')).toBe(false);
  });

  it('swap asks the next policy when the host memory is full', () => {
    const { seen } = runTiny({
      specs: overload,
      policies: [leastLoaded, swap, recompute],
      blocks: 20,
      hostBlocks: 3,
    });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(seen.decisions.some(({ data }) => data['mode'] === 'recompute')).toBe(true);
  });

  it('unlimited never preempts', () => {
    const { seen } = runTiny({ specs: overload, policies: [leastLoaded, unlimited], blocks: 20 });
    expect(seen.requests.every(({ numPreemptions }) => numPreemptions === 0)).toBe(true);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });

  it('fails a request that is larger than its group, and only that one', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 30, 4), request(1, 1, 20 * 16, 40), request(2, 2, 30, 4)],
      policies: [leastLoaded, recompute],
      blocks: 20,
    });
    expect(seen.requests.find(({ id }) => id === 1)).toMatchObject({
      status: 'failed',
      endReason: expect.stringContaining('its group has 20') as string,
    });
    expect(seen.requests.filter(({ status }) => status === 'finished')).toHaveLength(2);
  });

  it('says who waits when nobody makes room', () => {
    expect(runWithoutAnswer).toThrow(StuckError);
    expect(runWithoutAnswer).toThrow(/group 0: .* 0 of 20 KV blocks free/);
  });

  const second = 1_000_000;
  /** A policy that holds every request, and looks at them every so often. */
  const holding = (tickUs: number, dispatch: NonNullable<Policy['dispatch']>) =>
    runTiny({
      specs: [request(0, 0, 40, 10)],
      policies: [policyOf({ tickUs, onTick: () => [], dispatch }), recompute],
      sampleIntervalUs: second,
      checkEvery: 0,
      maxDurationUs: 1000 * second,
    });

  it.each([0.01, 1, 90])('says so when a policy holds for ever and ticks every %f s', (tickS) => {
    const run = () => holding(tickS * second, () => ({ kind: 'hold', reason: 'never' }));
    expect(run).toThrow(StuckError);
    expect(run).toThrow(/1 held at the cluster/);
  });

  it('gives a policy the time that it needs to tick twice', () => {
    const { seen } = holding(90 * second, (_, { nowUs }) =>
      nowUs < 180 * second
        ? { kind: 'hold', reason: 'later' }
        : { kind: 'dispatch', groupId: asGroupId(0), reason: 'now' },
    );
    expect(seen.requests).toMatchObject([{ status: 'finished', firstScheduledAtUs: 180 * second }]);
  });
});

describe('pipelines', () => {
  const specs = Array.from({ length: 12 }, (_, id) => request(id, id * 50, 40, 20));

  it('passes micro-batches through the stages, one after the other on each', () => {
    const { seen } = runTiny({
      specs,
      policies: [leastLoaded, recompute],
      numInstances: 2,
      stagesPerGroup: 2,
    });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    for (const instance of [0, 1]) {
      const stages = seen.stages.filter((stage) => stage.instanceId === instance);
      for (const [index, stage] of stages.entries()) {
        expect(stage.startedAtUs).toBeGreaterThanOrEqual(stages[index - 1]?.endedAtUs ?? 0);
      }
    }
    expect(
      seen.stages.filter(({ stageIndex }) => stageIndex === 1).some(({ bubbleUs }) => bubbleUs > 0),
    ).toBe(true);
  });

  it('holds twice the blocks of an instance, since each member keeps half the layers', () => {
    const { seen } = runTiny({
      specs,
      policies: [leastLoaded, recompute],
      numInstances: 2,
      stagesPerGroup: 2,
      blocks: 20,
    });
    const peak = Math.max(...seen.samples.map(({ kvFreeBytes, kvUsedBytes }) => kvFreeBytes + kvUsedBytes));
    const single = runTiny({ specs, policies: [leastLoaded, recompute], blocks: 20 });
    const singlePeak = Math.max(
      ...single.seen.samples.map(({ kvFreeBytes, kvUsedBytes }) => kvFreeBytes + kvUsedBytes),
    );
    expect(peak).toBeGreaterThan(singlePeak);
  });

  it('cuts batches as a policy says', () => {
    const halves = policyOf({
      formMicroBatches: ({ entries }) => {
        const middle = Math.ceil(entries.length / 2);
        const plan = (part: typeof entries) => ({
          entries: part.map((entry) => ({ requestId: entry.request.id, numTokens: entry.numTokens })),
        });
        return entries.length < 2 ? undefined : [plan(entries.slice(0, middle)), plan(entries.slice(middle))];
      },
    });
    const { seen } = runTiny({
      specs,
      policies: [leastLoaded, halves, recompute],
      numInstances: 2,
      stagesPerGroup: 2,
    });
    expect(seen.requests.every(({ generatedTokens }) => generatedTokens === 20)).toBe(true);
  });

  it('refuses a plan that loses tokens', () => {
    const lossy = policyOf({
      formMicroBatches: () => [{ entries: [{ requestId: asRequestId(0), numTokens: 1 }] }],
    });
    const run = () =>
      runTiny({ specs, policies: [leastLoaded, lossy, recompute], numInstances: 2, stagesPerGroup: 2 });
    expect(run).toThrow(/left over or too many/);
  });
});

describe('decisions', () => {
  const specs = [request(0, 0, 40, 60), request(1, 1, 40, 60), request(2, 2, 40, 60), request(3, 3, 40, 60)];

  it('refuses what cannot be done, and logs why', () => {
    const confused = policyOf({
      onMemoryPressure: () => [
        { kind: 'preempt', requestId: asRequestId(99), mode: 'recompute', reason: 'wrong id' },
        { kind: 'swapIn', requestId: asRequestId(0), reason: 'not swapped' },
      ],
    });
    const wishful = policyOf({
      onSchedule: () => [
        { kind: 'preempt', requestId: asRequestId(99), mode: 'recompute', reason: 'wrong id' },
      ],
    });
    const { seen, totals } = runTiny({
      specs: specs.slice(0, 1),
      policies: [leastLoaded, wishful, recompute],
    });
    const refused = seen.decisions.filter(({ outcome }) => outcome === 'rejected');
    expect(refused[0]?.error).toContain('no live request 99');
    expect(totals.numRejectedDecisions).toBe(refused.length);

    const run = () => runTiny({ specs, policies: [leastLoaded, confused], blocks: 14 });
    expect(run).toThrow(StuckError);
    expect(run).toThrow(
      /last decision refused was "swapIn" of policy "under-test": request 0 is decoding, not swapped/,
    );
  });

  it.each([
    ['a list of nothing', [undefined]],
    ['an unknown kind', [{ kind: 'explode', reason: 'why not' }]],
    ['a decision without reason', [{ kind: 'swapIn', requestId: 0 }]],
    ['no list at all', 42],
  ])('nonsense fails the run and names policy and moment: %s', (_, nonsense) => {
    const mad = policyOf({ onMemoryPressure: () => nonsense as unknown as Decision[] });
    const run = () => runTiny({ specs, policies: [leastLoaded, mad, recompute], blocks: 14 });
    expect(run).toThrow(PolicyError);
    expect(run).toThrow(/policy "under-test" failed in onMemoryPressure/);
  });

  it('a policy that answers for ever without freeing anything is stopped', () => {
    const busy = policyOf({
      onMemoryPressure: (group) => [
        { kind: 'setLimits', groupId: group.id, limits: { maxRunning: 9 }, reason: 'busy' },
      ],
    });
    expect(() => runTiny({ specs, policies: [leastLoaded, busy], blocks: 14 })).toThrow(/free nothing/);
  });

  it('a policy that throws is named with what it was asked about', () => {
    const broken = policyOf({
      dispatch: () => {
        throw new Error('no idea');
      },
    });
    expect(() => runTiny({ specs, policies: [broken, recompute] })).toThrow(
      'policy "under-test" failed in dispatch: no idea (asked about request 0)',
    );
  });

  it('hold keeps a request at the cluster until something changes; reject ends it', () => {
    const choosy = policyOf({
      dispatch: (asked, view) => {
        if (asked.id === 3) return { kind: 'reject', reason: 'too late' };
        const isBusy = view.groups.some((group) => group.running.length + group.waiting.length > 0);
        return isBusy
          ? { kind: 'hold', reason: 'busy' }
          : { kind: 'dispatch', groupId: asGroupId(0), reason: 'free' };
      },
    });
    const { seen } = runTiny({ specs, policies: [choosy, recompute] });
    expect(seen.requests.filter(({ status }) => status === 'finished')).toHaveLength(3);
    expect(seen.requests.find(({ id }) => id === 3)).toMatchObject({
      status: 'rejected',
      endReason: 'too late',
    });
    const scheduled = seen.requests
      .filter(({ id }) => id < 3)
      .map(({ firstScheduledAtUs }) => firstScheduledAtUs);
    expect(new Set(scheduled).size).toBe(3);
  });
});

describe('workload plans', () => {
  it('a follow-up arrives after the earlier request has ended', () => {
    const followUp = {
      ...request(1, 0, 60, 3),
      arrival: { kind: 'after', requestId: asRequestId(0), delayUs: 5000 } as const,
    };
    const { seen } = runTiny({ specs: [request(0, 0, 40, 10), followUp], policies: [roundRobin, recompute] });
    const [first, second] = seen.requests;
    expect(second?.arrivedAtUs).toBe((first?.endedAtUs as number) + 5000);
  });

  it('cancels the branches that are not needed any more', () => {
    const job = { id: 0, branches: [0, 1, 2, 3].map(asRequestId), needed: 2 };
    const lengths = [10, 20, 80, 90];
    const specs = lengths.map((length, id) => ({ ...request(id, 0, 30, length), job }));
    const { seen } = runTiny({ specs, policies: [leastLoaded, recompute], blocks: 60 });
    expect(seen.requests.map(({ id, status }) => [id, status])).toEqual([
      [0, 'finished'],
      [1, 'finished'],
      [2, 'aborted'],
      [3, 'aborted'],
    ]);
  });

  it('cancels a swapped or moving branch as well', () => {
    const branches = Array.from({ length: 10 }, (_, id) => asRequestId(id));
    const job = { id: 0, branches, needed: 1 };
    const specs = branches.map((id) => ({ ...request(id, id, 40, id === 0 ? 50 : 120), job }));
    const { seen } = runTiny({ specs, policies: [leastLoaded, swap, recompute], blocks: 20 });
    expect(seen.requests.filter(({ status }) => status === 'finished')).toHaveLength(1);
    expect(seen.requests.filter(({ status }) => status === 'aborted')).toHaveLength(9);
  });

  it('counts what is still open at the time limit as unfinished', () => {
    const { seen, totals } = runTiny({
      specs: [request(0, 0, 40, 100), request(1, 10, 40, 2)],
      policies: [leastLoaded, recompute],
      maxDurationUs: 15_000,
    });
    expect(totals.wasCutOff).toBe(true);
    expect(seen.requests.map(({ id, status }) => [id, status])).toEqual([
      [1, 'finished'],
      [0, 'unfinished'],
    ]);
  });
});
