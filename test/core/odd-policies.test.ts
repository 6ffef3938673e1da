import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { StuckError } from '../../harness/core/run-errors.ts';
import { PolicyError } from '../../harness/base/errors.ts';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { definePolicy, type Policy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;

describe('policies that do unusual things', () => {
  const specs = Array.from({ length: 6 }, (_, id) => request(id, id * 10, 40, 30));

  it('may reject held requests one after the other', () => {
    const choosy = policyOf({
      dispatch: (asked, view) => {
        if (view.nowUs > 3000 && asked.id > 0) return { kind: 'reject', reason: 'too late' };
        const isBusy = view.groups.some((group) => group.running.length + group.waiting.length > 0);
        return isBusy
          ? { kind: 'hold', reason: 'busy' }
          : { kind: 'dispatch', groupId: asGroupId(0), reason: 'free' };
      },
    });
    const { seen } = runTiny({ specs, policies: [choosy, recompute] });
    expect(seen.requests.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    const holds = seen.decisions.filter(({ kind }) => kind === 'hold');
    expect(new Set(holds.map(({ data }) => data['requestId'])).size).toBe(holds.length);
  });

  it('may give every running request up at once', () => {
    const panicking = policyOf({
      onMemoryPressure: (group) =>
        [...group.running]
          .filter(({ isInFlight }) => !isInFlight)
          .toReversed()
          .map(({ id }) => ({ kind: 'preempt', requestId: id, mode: 'recompute', reason: 'all of them' })),
    });
    const loads = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 60));
    const run = () =>
      runTiny({ specs: loads, policies: [leastLoaded, panicking], blocks: 20, maxDurationUs: 5e6 });
    expect(run).not.toThrow();
  });

  it('may give up requests between steps: that is done when they come back', () => {
    const eager = {
      ...policyOf({
        tickUs: 700,
        onTick: (view) => {
          const victim = [...(view.groups[0]?.running ?? [])].find(
            ({ numPreemptions }) => numPreemptions === 0,
          );
          if (victim === undefined) return [];
          return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason: 'tick' }];
        },
      }),
      capabilities: { preempts: ['recompute'] as const },
    };
    const { seen, totals } = runTiny({ specs, policies: [leastLoaded, eager, recompute], blocks: 60 });
    const preempts = seen.decisions.filter(
      ({ kind, outcome }) => kind === 'preempt' && outcome === 'applied',
    );
    expect(preempts.length).toBeGreaterThan(3);
    expect(preempts.every(({ moment }) => moment === 'onTick')).toBe(true);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(totals.generatedTokens).toBe(6 * 30);
  });

  it('may say the same limits before every step', () => {
    const insistent = policyOf({
      onSchedule: (group) => [
        { kind: 'setLimits', groupId: group.id, limits: { maxRunning: 2 }, reason: 'always' },
      ],
    });
    const { seen } = runTiny({ specs, policies: [leastLoaded, insistent, recompute] });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(Math.max(...seen.stages.map(({ numRequests }) => numRequests))).toBe(2);
  });

  it.each([
    ['a fraction of a token', { maxBatchTokens: 1.5 }, /maxBatchTokens must be an integer/],
    ['an undefined limit', { admits: undefined }, /admits must be true or false/],
    ['an unknown limit', { maxTokens: 3 }, /limits has no "maxTokens"; there are maxRunning, /],
    ['no object', 7, /limits must be an object, got 7/],
  ])('limits are checked: %s', (_, limits, message) => {
    const wrong = policyOf({ limits: () => limits as object });
    const run = () => runTiny({ specs, policies: [leastLoaded, wrong, recompute] });
    expect(run).toThrow(PolicyError);
    expect(run).toThrow(message);
  });

  it.each([
    ['dispatch', { dispatch: () => null }, /expected { kind, reason: string/],
    ['order', { order: () => 7 }, /list of request ids/],
    ['formMicroBatches', { formMicroBatches: () => [{}] }, /micro-batches/],
  ])('answers to %s are checked', (moment, policy, message) => {
    const wrong = policyOf(policy as unknown as Policy);
    const run = () =>
      runTiny({ specs, policies: [wrong, leastLoaded, recompute], numInstances: 2, stagesPerGroup: 2 });
    expect(run).toThrow(message);
    expect(run).toThrow(`policy "under-test" failed in ${moment}`);
  });

  it('get no further than what a view promises: the state behind it is out of reach', () => {
    const reached: unknown[] = [];
    const curious = policyOf({
      onSchedule: (_group, view) => {
        for (const name of ['workload', 'executor', 'stack', 'live', 'events'])
          reached.push(Reflect.get(view, name));
        return [];
      },
    });
    runTiny({ specs, policies: [leastLoaded, curious, recompute] });
    expect(new Set(reached)).toEqual(new Set([undefined]));
  });

  it('an endless answer is refused', () => {
    const wordy = policyOf({
      onSchedule: () =>
        Array.from(
          { length: 200_000 },
          () => ({ kind: 'swapIn', requestId: asRequestId(0), reason: 'again' }) as const,
        ),
    });
    expect(() => runTiny({ specs, policies: [leastLoaded, wordy, recompute] })).toThrow(
      /200000 decisions at once/,
    );
  });

  it.each([0, -1, 0.5, Number.NaN])('a tick of %s us is refused', (tickUs) => {
    const ticking = policyOf({ tickUs, onTick: () => [] });
    expect(() => runTiny({ specs, policies: [leastLoaded, ticking, recompute] })).toThrow(
      /tickUs: must be whole/,
    );
  });
});

describe('figures', () => {
  it('in a pipeline the last admitted is the victim, even if it has to come back first', () => {
    const loads = Array.from({ length: 10 }, (_, id) => request(id, id, 60, 80));
    const { seen } = runTiny({
      specs: loads,
      policies: [leastLoaded, recompute],
      blocks: 12,
      numInstances: 2,
      stagesPerGroup: 2,
    });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(seen.requests.find(({ id }) => id === 0)?.numPreemptions).toBe(0);
  });

  it('a prompt larger than its group fails before it takes anything', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 24 * 16, 4), request(1, 1, 30, 4)],
      policies: [leastLoaded, recompute],
      blocks: 20,
    });
    expect(seen.requests[0]).toMatchObject({ id: 0, status: 'failed', numPreemptions: 0, endedAtUs: 0 });
  });

  it('only finished branches count towards the ones that are needed', () => {
    const job = { id: 0, branches: [0, 1, 2, 3].map(asRequestId), needed: 2 };
    const branches = [10, 20, 30, 40].map((length, id) => ({ ...request(id, 0, 30, length), job }));
    const refusing = policyOf({
      dispatch: ({ id }) =>
        id === 0
          ? { kind: 'reject', reason: 'no' }
          : { kind: 'dispatch', groupId: asGroupId(0), reason: 'yes' },
    });
    const { seen } = runTiny({ specs: branches, policies: [refusing, recompute], blocks: 60 });
    expect(seen.requests.map(({ id, status }) => `${id} ${status}`)).toEqual([
      '0 rejected',
      '1 finished',
      '2 finished',
      '3 aborted',
    ]);
  });

  it('one request in a pipeline leaves the first stage idle while the second works', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 20, 5)],
      policies: [leastLoaded, recompute],
      numInstances: 2,
      stagesPerGroup: 2,
    });
    const first = seen.stages.filter(({ stageIndex }) => stageIndex === 0);
    expect(first[0]?.bubbleUs).toBe(0);
    expect(first.slice(1).every(({ bubbleUs }) => bubbleUs > 0)).toBe(true);
  });

  it('the last chunk of a prompt is prefill, however short', () => {
    const { seen } = runTiny({
      specs: [request(0, 0, 65, 3)],
      policies: [leastLoaded, recompute],
      maxBatchTokens: 64,
    });
    expect(seen.stages.map(({ prefillTokens }) => prefillTokens)).toEqual([64, 1, 0, 0]);
  });

  it('time without memory counts until the cut-off, and the last sample still shows the load', () => {
    const loads = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 200));
    const { seen } = runTiny({
      specs: loads,
      policies: [leastLoaded, swap, recompute],
      blocks: 20,
      maxDurationUs: 60_000,
    });
    const open = seen.requests.filter(({ status }) => status === 'unfinished');
    expect(open.some(({ preemptedUs }) => preemptedUs > 0)).toBe(true);
    expect(seen.samples.at(-1)?.kvUsedBytes).toBeGreaterThan(0);
  });

  it('may tick without ever helping: the run ends, and says so, long before its time limit', () => {
    const idle = definePolicy({
      name: 'idle',
      family: 'other',
      summary: 'test',
      params: z.strictObject({}),
      capabilities: {},
      create: () => ({ tickUs: 10_000, onTick: () => [] }),
    });
    const loads = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 60));
    const run = () => runTiny({ specs: loads, policies: [leastLoaded, idle], blocks: 20 });
    expect(run).toThrow(StuckError);
  });

  it('may have an answer to memory pressure refused: the next policy of the stack is asked', () => {
    const wrong = policyOf({
      onMemoryPressure: () => [
        { kind: 'preempt', requestId: asRequestId(999), mode: 'recompute', reason: 'who?' },
      ],
    });
    const loads = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 60));
    const { seen } = runTiny({ specs: loads, policies: [leastLoaded, wrong, recompute], blocks: 20 });
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(seen.decisions.some(({ outcome }) => outcome === 'rejected')).toBe(true);
  });
});
