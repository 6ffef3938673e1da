import { describe, expect, it } from 'vitest';
import { request } from '../../harness/conformance/tiny-cluster.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { fixed } from '../../policies/fixed/fixed.ts';
import { hpa } from '../../policies/hpa/hpa.ts';
import { policies } from '../../policies/index.ts';
import { kedaQueue } from '../../policies/keda-queue/keda-queue.ts';
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
  sync,
  timesOf,
  withParams,
} from './scaled-runs.ts';
import { decide, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;
const calm = steady({ firstId: 24, count: 20, fromUs: 200 * ms, everyUs: 10 * ms, outputTokens: 8 });

describe('demand is known when it arrives, not when it has been served', () => {
  it('tells of an arrival at its time and before its dispatch, even where nothing can take it', () => {
    const heard: string[] = [];
    const holding = policyOf({
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

describe('after a burst', () => {
  it.each(Object.entries(autoscalers))(
    '%s adds nothing any more, and goes back to the minimum',
    (_, autoscaler) => {
      const { seen } = run({ specs: [...burst, ...calm], policies: [leastLoaded, autoscaler, recompute] });
      const burstEndUs = Math.max(
        ...seen.requests.filter(({ id }) => id < 24).map(({ endedAtUs }) => endedAtUs ?? NaN),
      );
      expect(burstEndUs).toBeLessThan(200 * ms);
      const ups = applied(seen, 'scaleUp');
      expect(ups.length).toBeGreaterThan(0);
      expect(ups.filter(({ timeUs }) => timeUs > burstEndUs)).toEqual([]);
      expect(timesOf(seen, 'instanceRequested').length - timesOf(seen, 'instanceStopped').length).toBe(0);
      expectAllFinished(seen);
    },
  );
});

describe('at constant load', () => {
  // Thirteen requests at any time.
  const specs = steady({ count: 400, fromUs: 0, everyUs: ms, outputTokens: 40 });
  const numChanges = (autoscaler: PolicyDefinition) => {
    const { seen } = run({ specs, policies: [leastLoaded, autoscaler, recompute] });
    expectAllFinished(seen);
    const changes = applied(seen, 'scaleUp', 'drain', 'cancelDrain');
    return changes.filter(({ timeUs }) => timeUs > 100 * ms && timeUs < 400 * ms).length;
  };

  const { 'keda-queue': queueAlone, ...others } = autoscalers;
  it.each(Object.entries(others))('%s settles', (_, autoscaler) => {
    expect(numChanges(autoscaler)).toBe(0);
  });

  it('keda-queue goes back and forth with its window, since it does not see what runs', () => {
    expect(numChanges(queueAlone)).toBeGreaterThan(4);
  });

  it('one that steps by one on either side of a target flaps', () => {
    const stepping = policyOf({
      tickUs: 5 * ms,
      onTick: ({ groups }) => {
        const serving = groups.filter(({ phase }) => phase === 'serving');
        const load = serving.reduce((sum, { running, waiting }) => sum + running.length + waiting.length, 0);
        return load > 4 * serving.length ? [scaleUp(1)] : serving.slice(1, 2).map(({ id }) => drain(id));
      },
    });
    expect(numChanges(stepping)).toBeGreaterThan(20);
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
    expect(drains[0]).toBeGreaterThanOrEqual(readyUs);
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
    expect(timesOf(seen, 'instanceReady', 3)[0]).toBe(20 * ms + coldUs);
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
    expect(seen.requests.at(-1)?.firstScheduledAtUs).toBeGreaterThanOrEqual(requestedUs + coldUs);
    expectAllFinished(seen);
  });
});
