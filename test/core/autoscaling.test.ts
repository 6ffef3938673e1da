import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ClusterEventKind } from '../../harness/core/observer.ts';
import {
  type Collector,
  request,
  runTiny,
  tinyHardware,
  tinyModel,
  type TinyRun,
} from '../../harness/conformance/tiny-cluster.ts';
import {
  type ClusterView,
  type Decision,
  definePolicy,
  heldWeightBytes,
  type Policy,
  type PolicyDefinition,
  type PolicyEvent,
} from '../../harness/policy/index.ts';
import { fixed } from '../../policies/fixed/fixed.ts';
import { hpa } from '../../policies/hpa/hpa.ts';
import { policies } from '../../policies/index.ts';
import { kedaQueue } from '../../policies/keda-queue/keda-queue.ts';
import { memoryUtilisation } from '../../policies/memory-utilisation/memory-utilisation.ts';
import { decide, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute, swap } = policies;
const { start } = tinyHardware(20);
const ms = 1000;

/** The time that a start takes where nothing else uses the disk: provisioning, weights, warm-up. */
const weightsUs = (heldWeightBytes(tinyModel, tinyModel.numLayers) / 1e8) * 1e6;
const coldUs = start.provisioning.meanUs + weightsUs + start.warmUpUs;

function withParams(definition: PolicyDefinition, params: object): PolicyDefinition {
  return { ...definition, create: (_, deps) => definition.create(definition.params.parse(params), deps) };
}

/** Periods of milliseconds, as the requests of the tiny cluster take some tens of them. */
const sync = { syncS: 0.005, periodS: 0.005, downWindowS: 0.05 };
const byRequests = { metrics: [{ metric: 'requests', target: 4 }], ...sync };
const autoscalers: Readonly<Record<string, PolicyDefinition>> = {
  'hpa on requests': withParams(hpa, byRequests),
  'hpa on KV usage': withParams(hpa, { metrics: [{ metric: 'kv-usage', target: 0.7 }], ...sync }),
  'keda-queue': withParams(kedaQueue, { target: 2, pollS: 0.01, ...sync }),
  'memory-utilisation': withParams(memoryUtilisation, { checkS: 0.002 }),
};

function scaling(policy: Policy): PolicyDefinition {
  return definePolicy({
    name: 'scaling',
    family: 'autoscaling',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { scales: true },
    create: () => policy,
  });
}

/** Hears of every event, and says nothing. */
function listener(hear: (event: PolicyEvent, view: ClusterView) => void): PolicyDefinition {
  return scaling({
    onEvent: (event, view) => {
      hear(event, view);
      return undefined;
    },
  });
}

const scaleUp = (numInstances: number): Decision => ({ kind: 'scaleUp', numInstances, reason: 'test' });
const drain = (groupId: number): Decision => ({ kind: 'drain', groupId, reason: 'test' });

/** Requests that arrive one after the other, of like lengths, with ids from `firstId` on. */
function steady(about: {
  firstId?: number;
  count: number;
  fromUs: number;
  everyUs: number;
  outputTokens: number;
}) {
  const { firstId = 0, count, fromUs, everyUs, outputTokens } = about;
  return Array.from({ length: count }, (_, index) =>
    request(firstId + index, fromUs + index * everyUs, 30, outputTokens),
  );
}

/** More than an instance has memory for, all at once, and then a trickle. */
const burst = steady({ count: 24, fromUs: 0, everyUs: 100, outputTokens: 120 });
const calm = steady({ firstId: 24, count: 30, fromUs: 400 * ms, everyUs: 10 * ms, outputTokens: 8 });

function run(about: Partial<TinyRun> & Pick<TinyRun, 'policies' | 'specs'>) {
  return runTiny({ numInstances: 1, maxInstances: 6, blocks: 40, ...about });
}

function applied(seen: Collector, ...kinds: readonly string[]) {
  return seen.decisions.filter(({ kind, outcome }) => outcome === 'applied' && kinds.includes(kind));
}

/** Times of the events of one kind, of all instances or of one. */
function timesOf(seen: Collector, kind: ClusterEventKind, instance?: number): number[] {
  return seen.events
    .filter((event) => event.kind === kind && (instance === undefined || event.instance === instance))
    .map(({ timeUs }) => timeUs);
}

function expectAllFinished(seen: Collector): void {
  expect(seen.requests.map(({ status }) => status)).toEqual(seen.requests.map(() => 'finished'));
}

describe('demand is known when it arrives, not when it has been served', () => {
  it('tells of an arrival at its time and before its dispatch, even where nothing can take it', () => {
    const heard: string[] = [];
    const holding = scaling({
      onEvent: (event, view) => {
        if (event.kind === 'requestArrived') heard.push(`${event.requestId} arrived at ${view.nowUs}`);
        return undefined;
      },
      dispatch: ({ id }, view) => {
        if (view.nowUs <= 200) heard.push(`${id} asked about at ${view.nowUs}`);
        return view.nowUs < 5 * ms ? { kind: 'hold', reason: 'test' } : undefined;
      },
      tickUs: ms,
      onTick: () => undefined,
    });
    const specs = [request(0, 100, 30, 10), request(1, 200, 30, 10)];
    const { seen } = run({ specs, policies: [holding, leastLoaded, recompute] });
    expect(heard.slice(0, 2)).toEqual(['0 arrived at 100', '0 asked about at 100']);
    expect(heard.slice(2, 4)).toEqual(['1 arrived at 200', '1 asked about at 200']);
    expectAllFinished(seen);
  });

  it.each(Object.entries(autoscalers))(
    '%s asks for instances before a request has ended',
    (_, autoscaler) => {
      const { seen } = run({ specs: burst, policies: [leastLoaded, autoscaler, recompute] });
      const firstEndUs = Math.min(...seen.requests.map(({ endedAtUs }) => endedAtUs ?? Infinity));
      expect(applied(seen, 'scaleUp')[0]?.timeUs).toBeLessThan(firstEndUs);
      expectAllFinished(seen);
    },
  );
});

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
      expect(loadedUs - requestedUs - start.provisioning.meanUs).toBeCloseTo(weightsUs, -1);
      expect(readyUs - requestedUs).toBeCloseTo(coldUs, -1);
      const stages = seen.stages.filter((stage) => stage.instance === instance);
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
    expect(readyUs - (timesOf(seen, 'instanceRequested')[0] as number)).toBeCloseTo(37 * ms + weightsUs, -1);
  });

  it('takes no request while it loads: the dispatch is refused, and the request placed later', () => {
    const stubborn = scaling({
      dispatch: (_, { groups }) => ({
        kind: 'dispatch',
        groupId: groups.at(-1)?.id ?? 0,
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
    expect(applied(seen, 'scaleUp').map(({ data }) => data['numInstances'])).toEqual([4, 1]);
  });
});

describe('after a burst', () => {
  it.each(Object.entries(autoscalers))(
    '%s adds nothing any more, and goes back to the minimum',
    (_, autoscaler) => {
      const { seen } = run({ specs: [...burst, ...calm], policies: [leastLoaded, autoscaler, recompute] });
      const burstEndUs = Math.max(
        ...seen.requests.filter(({ id }) => id < 24).map(({ endedAtUs }) => endedAtUs ?? NaN),
      );
      expect(burstEndUs).toBeLessThan(400 * ms);
      const ups = applied(seen, 'scaleUp');
      expect(ups.length).toBeGreaterThan(0);
      expect(ups.filter(({ timeUs }) => timeUs > burstEndUs)).toEqual([]);
      expect(timesOf(seen, 'instanceRequested').length - timesOf(seen, 'instanceStopped').length).toBe(0);
      expectAllFinished(seen);
    },
  );
});

describe('at constant load', () => {
  const specs = steady({ count: 200, fromUs: 0, everyUs: 3 * ms, outputTokens: 40 });
  const changesAfter = (seen: Collector, timeUs: number) =>
    applied(seen, 'scaleUp', 'drain', 'cancelDrain').filter((decision) => decision.timeUs > timeUs).length;

  it('an autoscaler that steps by one on either side of a target flaps', () => {
    const stepping = scaling({
      tickUs: 5 * ms,
      onTick: ({ groups }) => {
        const serving = groups.filter(({ phase }) => phase === 'serving');
        const load = serving.reduce((sum, { running, waiting }) => sum + running.length + waiting.length, 0);
        return load > 4 * serving.length ? [scaleUp(1)] : serving.slice(1, 2).map(({ id }) => drain(id));
      },
    });
    const { seen } = run({ specs, policies: [leastLoaded, stepping, recompute] });
    expect(changesAfter(seen, 200 * ms)).toBeGreaterThan(20);
  });

  const steadyOnes = Object.entries(autoscalers).filter(([name]) => name !== 'keda-queue');
  it.each(steadyOnes)('%s settles', (_, autoscaler) => {
    const { seen } = run({ specs, policies: [leastLoaded, autoscaler, recompute] });
    expect(changesAfter(seen, 200 * ms)).toBe(0);
    expectAllFinished(seen);
  });
});

describe('what is not known is not taken for idle', () => {
  it('an idle cluster keeps instances that show nothing yet, and lets go when they do', () => {
    const hardware = { diskBytesPerSecond: 5e6 };
    const impatient = withParams(hpa, { ...byRequests, downWindowS: 0 });
    const specs = steady({ count: 60, fromUs: 0, everyUs: 2 * ms, outputTokens: 4 });
    const { seen } = run({
      specs,
      hardware,
      policies: [scripted([decide(0, scaleUp(1))]), leastLoaded, impatient, recompute],
    });
    const [readyUs] = timesOf(seen, 'instanceReady', 1) as [number];
    expect(readyUs).toBeGreaterThan(30 * ms);
    const drains = applied(seen, 'drain').map(({ timeUs }) => timeUs);
    expect(drains).toHaveLength(1);
    // One of two, idle, and no more while it is provisioned: then it counts as pending, not as missing.
    expect(drains[0]).toBeGreaterThanOrEqual(readyUs);
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
    expect(seen.stages.filter(({ instance, endedAtUs }) => instance === 0 && endedAtUs > stoppedUs)).toEqual(
      [],
    );
    expectAllFinished(seen);
  });

  it('refuses dispatches, and places what has no KV anew', () => {
    const stubborn = scaling({
      dispatch: ({ arrivedAtUs }, { nowUs }) => {
        const groupId = nowUs - arrivedAtUs > 30 * ms || nowUs < 5 * ms ? 0 : 1;
        return { kind: 'dispatch', groupId: arrivedAtUs === 10 * ms ? 0 : groupId, reason: 'test' };
      },
    });
    // Sixteen blocks: two of these run, four wait.
    const six = Array.from({ length: 6 }, (_, id) => request(id, id, 100, 40));
    const late = request(6, 10 * ms, 30, 4);
    const { seen } = run({
      specs: [...six, late],
      numInstances: 2,
      blocks: 16,
      policies: [
        scripted([
          decide(6 * ms, drain(0)),
          decide(12 * ms, { kind: 'scaleUp', numInstances: 1, reason: 'x' }),
        ]),
        stubborn,
        leastLoaded,
        recompute,
      ],
      maxDurationUs: 300 * ms,
    });
    const refused = seen.decisions.filter(
      ({ outcome, kind }) => outcome === 'rejected' && kind === 'dispatch',
    );
    expect(refused.map(({ error }) => error)).toContain('group 0 takes no requests');
    const groups = seen.requests.map(({ id, groupId }) => [id, groupId]);
    expect(groups.filter(([, groupId]) => groupId === 1).length).toBeGreaterThanOrEqual(3);
  });

  it('is taken back by an autoscaler that needs the instance again, rather than a new one', () => {
    const again = steady({ firstId: 24, count: 24, fromUs: 180 * ms, everyUs: 100, outputTokens: 120 });
    const quick = withParams(hpa, { ...byRequests, downWindowS: 0 });
    const { seen } = run({ specs: [...burst, ...again], policies: [leastLoaded, quick, recompute] });
    expect(applied(seen, 'drain').length).toBeGreaterThan(0);
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
    const hearing = listener((event) => {
      if (event.kind === 'startFailed') told.push(event.retryAtUs);
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
    const long = [...specs, request(60, 0, 30, 300)];
    const acts = [decide(5 * ms, drain(0)), decide(6 * ms, scaleUp(1)), decide(170 * ms, scaleUp(1))];
    const { seen } = run({
      specs: [
        request(0, 0, 30, 300),
        ...steady({ firstId: 1, count: 250, fromUs: ms, everyUs: ms, outputTokens: 8 }),
      ],
      numInstances: 2,
      maxInstances: 2,
      policies: [scripted(acts), leastLoaded, recompute],
    });
    expect(long).toHaveLength(61);
    const decisions = seen.decisions.filter(({ kind }) => kind === 'scaleUp');
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['rejected', 'applied']);
    expect(timesOf(seen, 'instanceStopped', 0)[0]).toBeLessThan(170 * ms);
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

describe('the policies that keep a number', () => {
  it('fixed starts with its own number and replaces what fails, by a cold start', () => {
    const specs = steady({ count: 60, fromUs: 0, everyUs: ms, outputTokens: 20 });
    const { seen } = run({
      specs,
      policies: [withParams(fixed, { instances: 3 }), leastLoaded, recompute],
      faults: [{ instance: 1, atUs: 20 * ms }],
    });
    expect(timesOf(seen, 'instanceReady').filter((timeUs) => timeUs === 0)).toHaveLength(3);
    expect(timesOf(seen, 'instanceRequested', 3)).toEqual([20 * ms]);
    expect(timesOf(seen, 'instanceReady', 3)[0]).toBeCloseTo(20 * ms + coldUs, -1);
    expectAllFinished(seen);
  });

  it('keda-queue goes to no instance and comes back for the next request', () => {
    const specs = [request(0, 0, 30, 10), request(1, 200 * ms, 30, 10)];
    const toZero = withParams(kedaQueue, { ...sync, minReplicas: 0, pollS: 0.01, cooldownS: 0.05 });
    const { seen } = run({ specs, policies: [leastLoaded, toZero, recompute] });
    const [stoppedUs] = timesOf(seen, 'instanceStopped', 0) as [number];
    expect(stoppedUs).toBeLessThan(200 * ms);
    const [requestedUs] = timesOf(seen, 'instanceRequested') as [number];
    expect(requestedUs).toBeGreaterThanOrEqual(200 * ms);
    expect(requestedUs).toBeLessThanOrEqual(210 * ms);
    expect(seen.requests.at(-1)?.firstScheduledAtUs).toBeGreaterThanOrEqual(requestedUs + Math.floor(coldUs));
    expectAllFinished(seen);
  });
});
