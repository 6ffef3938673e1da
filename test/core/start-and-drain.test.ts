import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import { request } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { ClusterView } from '../../harness/policy/index.ts';
import { hpa } from '../../policies/hpa/hpa.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import {
  applied,
  autoscalers,
  burst,
  byRequests,
  coldUs,
  drain,
  expectAllFinished,
  ms,
  run,
  scaleUp,
  steady,
  timesOf,
  weightsUs,
  withParams,
} from './scaled-runs.ts';
import { decide, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;
const { start } = tinyHardware(20);

describe('an instance serves when it is ready, and not before', () => {
  const specs = steady({ count: 40, fromUs: 0, everyUs: 500, outputTokens: 40 });

  it('takes provisioning, the weights over its disk, and the warm-up', () => {
    const { seen } = run({ specs, policies: [scripted([decide(0, scaleUp(2))]), leastLoaded, recompute] });
    for (const instance of [1, 2]) {
      const [requestedUs, loadedUs, readyUs] = [
        ...timesOf(seen, 'instanceRequested', instance),
        ...timesOf(seen, 'weightsLoaded', instance),
        ...timesOf(seen, 'instanceReady', instance),
      ] as [number, number, number];
      expect(timesOf(seen, 'loadStarted', instance)).toEqual([requestedUs + start.provisioning.meanUs]);
      expect(loadedUs - requestedUs - start.provisioning.meanUs).toBe(weightsUs);
      expect(readyUs - requestedUs).toBe(coldUs);
      const stages = seen.stages.filter((stage) => stage.instanceId === instance);
      expect(stages.length).toBeGreaterThan(0);
      expect(Math.min(...stages.map(({ startedAtUs }) => startedAtUs))).toBeGreaterThanOrEqual(readyUs);
    }
  });

  it('takes longer in proportion where it is slower to come by', () => {
    const hardware = { start: { ...start, provisioning: { meanUs: 30 * ms, cv: 0 }, warmUpUs: 7 * ms } };
    const { seen } = run({
      specs,
      hardware,
      policies: [scripted([decide(0, scaleUp(1))]), leastLoaded, recompute],
    });
    const [readyUs] = timesOf(seen, 'instanceReady', 1) as [number];
    const [requestedUs] = timesOf(seen, 'instanceRequested') as [number];
    expect(readyUs - requestedUs).toBe(37 * ms + weightsUs);
  });

  it('takes a time of its own each, with the mean and the spread of the hardware', () => {
    const provisioning = { meanUs: 10 * ms, cv: 0.5 };
    const { seen } = run({
      specs: [request(0, 0, 30, 400)],
      maxInstances: 401,
      hardware: { start: { ...start, provisioning } },
      policies: [scripted([decide(0, scaleUp(400))]), leastLoaded, recompute],
      checkEvery: 0,
    });
    const [requestedUs] = timesOf(seen, 'instanceRequested') as [number];
    const times = timesOf(seen, 'loadStarted').map((timeUs) => timeUs - requestedUs);
    expect(times).toHaveLength(400);
    const mean = times.reduce((sum, time) => sum + time, 0) / 400;
    const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / 400;
    // Four standard errors of the mean of 400 draws, and as much again for the spread.
    expect(Math.abs(mean / provisioning.meanUs - 1)).toBeLessThan(0.1);
    expect(Math.abs(Math.sqrt(variance) / mean - provisioning.cv)).toBeLessThan(0.15);
  });

  it('takes no request while it loads: the dispatch is refused, and the request placed later', () => {
    const stubborn = policyOf({
      dispatch: (_, { groups }) => ({
        kind: 'dispatch',
        groupId: groups.at(-1)?.id ?? asGroupId(0),
        reason: 'the newest',
      }),
    });
    const late = [request(0, ms, 30, 10), request(1, 2 * ms, 30, 10)];
    const { seen } = run({ specs: late, policies: [scripted([decide(0, scaleUp(1))]), stubborn, recompute] });
    const [readyUs] = timesOf(seen, 'instanceReady', 1) as [number];
    const dispatches = seen.decisions.filter(({ kind }) => kind === 'dispatch');
    for (const { timeUs, outcome, error } of dispatches) {
      expect(outcome).toBe(timeUs < readyUs ? 'rejected' : 'applied');
      if (outcome === 'rejected') expect(error).toBe('group 1 takes no requests');
    }
    expect(seen.requests.map(({ groupId, firstScheduledAtUs }) => [groupId, firstScheduledAtUs])).toEqual([
      [1, readyUs],
      [1, readyUs],
    ]);
    expectAllFinished(seen);
  });

  it('is shown apart from those that serve, by phase and by state', () => {
    const shown = new Set<string>();
    const watch = ({ groups }: ClusterView): void => {
      for (const { id, phase, stages, acceptsRequests } of groups) {
        if (id === 1) shown.add(`${phase} ${stages[0]?.instance.state} ${acceptsRequests}`);
      }
    };
    run({ specs, policies: [scripted([decide(0, scaleUp(1))], watch), leastLoaded, recompute] });
    expect([...shown]).toEqual([
      'loading provisioning false',
      'loading loading false',
      'loading warming-up false',
      'serving ready true',
    ]);
  });

  it('is asked for once by an autoscaler that counts what is coming, however long that takes', () => {
    const hardware = { start: { ...start, provisioning: { meanUs: 40 * ms, cv: 0 } } };
    const policyStack = [leastLoaded, withParams(hpa, { ...byRequests, downWindowS: 10 }), recompute];
    const { seen } = run({ specs: burst, hardware, maxInstances: 30, policies: policyStack });
    // 24 requests, four an instance.
    const asked = applied(seen, 'scaleUp').map(({ data }) => data['numInstances'] as number);
    expect(asked.reduce((sum, count) => sum + count, 0)).toBe(5);
  });
});

describe('a drain', () => {
  const specs = steady({ count: 120, fromUs: 0, everyUs: ms, outputTokens: 40 });

  it.each([
    ['recompute', recompute],
    ['swap', swap],
  ])('ends when what was running has ended, whatever arrives meanwhile (%s)', (_, memoryPolicy) => {
    const script = scripted([decide(40 * ms, drain(0))]);
    const { seen } = run({
      specs,
      numInstances: 3,
      blocks: 24,
      policies: [script, leastLoaded, memoryPolicy],
    });
    const [drainedUs] = timesOf(seen, 'drainStarted', 0) as [number];
    const [stoppedUs] = timesOf(seen, 'instanceStopped', 0) as [number];
    const lastArrivalUs = 119 * ms;
    expect(stoppedUs).toBeLessThan(lastArrivalUs);
    const there = seen.requests.filter(({ groupId }) => groupId === 0);
    expect(there.length).toBeGreaterThan(0);
    for (const { arrivedAtUs, endedAtUs } of there) {
      expect(arrivedAtUs).toBeLessThan(drainedUs);
      expect(endedAtUs).toBeLessThanOrEqual(stoppedUs);
    }
    expect(
      seen.stages.filter(({ instanceId, endedAtUs }) => instanceId === 0 && endedAtUs > stoppedUs),
    ).toEqual([]);
    expectAllFinished(seen);
  });

  it('refuses dispatches: the request is placed elsewhere', () => {
    const stubborn = policyOf({
      dispatch: (_, { nowUs }) =>
        nowUs < 10 * ms ? { kind: 'dispatch', groupId: asGroupId(0), reason: 'test' } : undefined,
    });
    const { seen } = run({
      specs: [request(0, 0, 30, 100), request(1, 4 * ms, 30, 10)],
      numInstances: 2,
      policies: [scripted([decide(2 * ms, drain(0))]), stubborn, leastLoaded, recompute],
    });
    const refused = seen.decisions.filter(
      ({ kind, outcome }) => kind === 'dispatch' && outcome === 'rejected',
    );
    expect(refused[0]).toMatchObject({ timeUs: 4 * ms, error: 'group 0 takes no requests' });
    expect(seen.requests.map(({ id, groupId }) => [id, groupId])).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expectAllFinished(seen);
  });

  it('places those anew that wait, and lets those end that run', () => {
    const packing = policyOf({
      dispatch: (_, { nowUs }) =>
        nowUs < 5 * ms ? { kind: 'dispatch', groupId: asGroupId(0), reason: 'test' } : undefined,
    });
    // Memory for two at a time.
    const six = Array.from({ length: 6 }, (_, id) => request(id, id, 100, 40));
    const { seen } = run({
      specs: six,
      numInstances: 2,
      blocks: 18,
      policies: [scripted([decide(6 * ms, drain(0))]), packing, leastLoaded, recompute],
    });
    const [drainedUs] = timesOf(seen, 'drainStarted') as [number];
    const byId = seen.requests.toSorted((a, b) => a.id - b.id);
    expect(byId.map(({ groupId }) => groupId)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(byId.map(({ firstTokenAtUs }) => (firstTokenAtUs ?? NaN) < drainedUs)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expectAllFinished(seen);
  });

  it('is taken back by an autoscaler that needs the instance again, before it asks for a new one', () => {
    const long = [request(0, 0, 30, 300), request(1, 0, 30, 300)];
    const more = steady({ firstId: 2, count: 8, fromUs: 50 * ms, everyUs: 100, outputTokens: 100 });
    const quick = withParams(hpa, { ...byRequests, downWindowS: 0 });
    const { seen } = run({
      specs: [...long, ...more],
      numInstances: 2,
      policies: [leastLoaded, quick, recompute],
    });
    expect(applied(seen, 'scaleUp', 'drain', 'cancelDrain').slice(0, 3)).toMatchObject([
      { kind: 'drain', timeUs: 5 * ms, data: { groupId: 1 } },
      { kind: 'cancelDrain', timeUs: 55 * ms, data: { groupId: 1 } },
      { kind: 'scaleUp', timeUs: 55 * ms, data: { numInstances: 1 } },
    ]);
    expect(timesOf(seen, 'drainCancelled', 1)).toEqual([55 * ms]);
    expectAllFinished(seen);
  });
});

describe('the drain of a pipeline', () => {
  it('is told of every member, and so is that it is taken back', () => {
    const { seen } = run({
      specs: [request(0, 0, 30, 100)],
      numInstances: 2,
      stagesPerGroup: 2,
      policies: [
        scripted([
          decide(2 * ms, drain(0)),
          decide(4 * ms, { kind: 'cancelDrain', groupId: 0, reason: 'test' }),
        ]),
        leastLoaded,
        recompute,
      ],
    });
    for (const instance of [0, 1]) {
      expect(timesOf(seen, 'drainStarted', instance)).toEqual([2 * ms]);
      expect(timesOf(seen, 'drainCancelled', instance)).toEqual([4 * ms]);
    }
    expectAllFinished(seen);
  });
});

describe('cost', () => {
  it('counts each instance from asking for it to its release, its failure or the end', () => {
    const specs = steady({ count: 60, fromUs: 0, everyUs: ms, outputTokens: 20 });
    const acts = [decide(5 * ms, scaleUp(2)), decide(30 * ms, drain(1))];
    const { seen, totals } = run({
      specs,
      policies: [scripted(acts), leastLoaded, recompute],
      faults: [{ instance: 0, atUs: 50 * ms }],
    });
    const [requestedUs] = timesOf(seen, 'instanceRequested') as [number];
    const [stoppedUs] = timesOf(seen, 'instanceStopped', 1) as [number];
    expect(timesOf(seen, 'instanceReady', 1)[0]).toBeGreaterThan(requestedUs);
    expect(stoppedUs).toBeGreaterThan(30 * ms);
    const paid = [50 * ms, stoppedUs - requestedUs, totals.durationUs - requestedUs];
    expect(totals.instanceUs).toBe(paid.reduce((sum, us) => sum + us, 0));
    expectAllFinished(seen);
  });

  it('counts a start that is given up, up to then', () => {
    const specs = steady({ count: 30, fromUs: 0, everyUs: ms, outputTokens: 20 });
    const acts = [decide(5 * ms, scaleUp(1)), decide(6 * ms, drain(1))];
    const { seen, totals } = run({ specs, policies: [scripted(acts), leastLoaded, recompute] });
    expect(timesOf(seen, 'instanceReady', 1)).toEqual([]);
    const [stoppedUs] = timesOf(seen, 'instanceStopped', 1) as [number];
    expect(stoppedUs).toBe(6 * ms);
    expect(totals.instanceUs).toBe(totals.durationUs + ms);
  });
});

describe('starts that fail', () => {
  const specs = steady({ count: 80, fromUs: 0, everyUs: ms, outputTokens: 20 });

  it('are tried again after a back-off that doubles up to its maximum, and are told of', () => {
    const told: number[] = [];
    const hearing = policyOf({
      onEvent: (event) => {
        if (event.kind === 'startFailed') told.push(event.retryAtUs);
        return undefined;
      },
    });
    const hardware = { start: { ...start, failureRatio: 1 } };
    const { seen, totals } = run({
      specs,
      hardware,
      policies: [scripted([decide(0, scaleUp(1))]), hearing, leastLoaded, recompute],
    });
    const [requestedUs] = timesOf(seen, 'instanceRequested') as [number];
    const failedUs = timesOf(seen, 'startFailed');
    const waits = [ms, 2 * ms, 4 * ms, 8 * ms, 8 * ms, 8 * ms];
    expect(failedUs[0]).toBe(requestedUs + start.provisioning.meanUs);
    waits.forEach((waitUs, index) => {
      expect(told[index]).toBe((failedUs[index] as number) + waitUs);
      expect(failedUs[index + 1]).toBe((told[index] as number) + start.provisioning.meanUs);
    });
    expect(timesOf(seen, 'instanceReady', 1)).toEqual([]);
    // It is paid for all the same.
    expect(totals.instanceUs).toBe(2 * totals.durationUs - requestedUs);
    expectAllFinished(seen);
  });

  it('get there in the end where only some fail, without anybody asking for more', () => {
    const hardware = { start: { ...start, failureRatio: 0.5 } };
    const { seen } = run({
      specs: burst,
      hardware,
      policies: [leastLoaded, withParams(hpa, byRequests), recompute],
    });
    expect(timesOf(seen, 'startFailed').length).toBeGreaterThan(0);
    expect(timesOf(seen, 'instanceRequested')).toHaveLength(5);
    expectAllFinished(seen);
  });
});

describe('the budget', () => {
  const specs = steady({ count: 60, fromUs: 0, everyUs: ms, outputTokens: 20 });

  it('is kept: a decision that exceeds it is refused whole', () => {
    const acts = [decide(0, scaleUp(3)), decide(0, scaleUp(2)), decide(0, scaleUp(1))];
    const { seen } = run({ specs, maxInstances: 3, policies: [scripted(acts), leastLoaded, recompute] });
    const decisions = seen.decisions.filter(({ kind }) => kind === 'scaleUp');
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['rejected', 'applied', 'rejected']);
    expect(decisions[0]?.error).toBe('1 instances and 3 more exceed the budget of 3');
    expect(timesOf(seen, 'instanceRequested')).toHaveLength(2);
  });

  it('counts instances that drain, and no longer those that have been released', () => {
    const long = request(60, 0, 30, 100);
    const acts = [decide(2 * ms, drain(0)), decide(3 * ms, scaleUp(1)), decide(50 * ms, scaleUp(1))];
    const { seen } = run({
      specs: [long, ...specs],
      numInstances: 2,
      maxInstances: 2,
      policies: [scripted(acts), leastLoaded, recompute],
    });
    const [stoppedUs] = timesOf(seen, 'instanceStopped', 0) as [number];
    expect(stoppedUs > 3 * ms && stoppedUs < 50 * ms).toBe(true);
    const decisions = seen.decisions.filter(({ kind }) => kind === 'scaleUp');
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['rejected', 'applied']);
  });

  it.each(Object.entries(autoscalers))('is never asked for more than there is by %s', (_, autoscaler) => {
    const { seen, totals } = run({
      specs: burst,
      maxInstances: 3,
      policies: [leastLoaded, autoscaler, recompute],
    });
    expect(totals.numRejectedDecisions).toBe(0);
    expect(timesOf(seen, 'instanceRequested')).toHaveLength(2);
  });
});
