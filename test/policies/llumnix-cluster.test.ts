import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkPolicy } from '../../harness/conformance/check-policy.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { llumnixAutoscaler } from '../../policies/llumnix/autoscaler.ts';
import { kunserve } from '../../policies/kunserve/kunserve.ts';
import { infaasPlusPlus } from '../../policies/llumnix/infaas-plus-plus.ts';
import { llumnix } from '../../policies/llumnix/llumnix.ts';
import { recompute } from '../../policies/recompute/recompute.ts';
import { roundRobin } from '../../policies/round-robin/round-robin.ts';
import { swap } from '../../policies/swap/swap.ts';
import { decide, scripted } from '../core/scripted.ts';

/** A policy whose defaults are these parameters. */
function tuned(definition: PolicyDefinition, settings: object): PolicyDefinition {
  return {
    ...definition,
    params: z.strictObject({}),
    create: (_, deps) => definition.create(definition.params.parse(settings), deps),
  };
}

const twoClasses = [
  { name: 'normal', priority: 0, slo: {} },
  { name: 'high', priority: 1, slo: {} },
];

/** Steps of the tiny cluster take a fraction of a millisecond, so looks are as much closer together. */
const fast = { checkMs: 0.5 };

function run(policies: readonly PolicyDefinition[], about: Omit<TinyRun, 'policies'>): Collector {
  const { seen } = runTiny({ ...about, policies: [...policies, recompute] });
  expect(seen.requests.filter(({ status }) => status !== 'finished')).toEqual([]);
  expect(seen.decisions.filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
  return seen;
}

function ttftUs({ requests }: Collector, id: number): number {
  const { firstTokenAtUs, arrivedAtUs } = requests.find((record) => record.id === id)!;
  return firstTokenAtUs! - arrivedAtUs;
}

function preemptions({ requests }: Collector): number {
  return requests.reduce((sum, record) => sum + record.numPreemptions, 0);
}

function dispatches({ decisions }: Collector) {
  return decisions.filter(({ kind }) => kind === 'dispatch').map(({ timeUs, data }) => [timeUs, data]);
}

function count({ events }: Collector, kind: string): number {
  return events.filter((event) => event.kind === kind).length;
}

describe.each([
  ['llumnix', tuned(llumnix, { sourceBelowSteps: 80, targetAboveSteps: 80 })],
  ['llumnix-autoscaler', tuned(llumnixAutoscaler, { warmUpChecks: 0, removeAboveSteps: 300 })],
])('%s with thresholds of a tiny cluster', (_, policy) => {
  it.each(checkPolicy(policy))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });
});

describe('migration', () => {
  const load: Omit<TinyRun, 'policies'> = {
    specs: Array.from({ length: 60 }, (_, id) =>
      request(id, id * 1500, 20 + ((id * 37) % 100), 10 + ((id * 53) % 120)),
    ),
    numInstances: 4,
  };

  it.each(['live', 'blocking', 'recompute'])(
    'by protocol %s saves preemptions under overload',
    (protocol) => {
      const moved = run([tuned(llumnix, { ...fast, protocol })], load);
      const stayed = run([tuned(llumnix, { migrate: false })], load);
      expect(moved.migrations.length).toBeGreaterThan(2);
      expect(new Set(moved.migrations.map((record) => record.protocol))).toEqual(new Set([protocol]));
      expect(stayed.migrations).toEqual([]);
      expect(preemptions(moved)).toBeLessThan(preemptions(stayed));
    },
  );

  it('without migration and priorities is INFaaS++', () => {
    expect(dispatches(run([tuned(llumnix, { migrate: false })], load))).toEqual(
      dispatches(run([infaasPlusPlus], load)),
    );
  });

  it('makes room for a large request where no instance has it, and only with de-fragmentation', () => {
    // Two instances of 20 blocks, two requests of 5 blocks on each, which have far to go; one of 13 comes.
    const specs = [
      ...Array.from({ length: 4 }, (_, id) => request(id, id, 70, 60)),
      request(4, 10_000, 200, 2),
    ];
    const settings = { ...fast, sourceBelowSteps: 10, targetAboveSteps: 10 };
    // The budget takes its prompt whole: it is admitted with all of its blocks or not at all.
    const about = { specs, numInstances: 2, maxBatchTokens: 256 };
    const moved = run([tuned(llumnix, settings)], about);
    const stuck = run([tuned(llumnix, { ...settings, defragment: false })], about);
    expect(moved.migrations.length).toBeGreaterThan(0);
    expect(stuck.migrations).toEqual([]);
    expect(ttftUs(moved, 4)).toBeLessThan(ttftUs(stuck, 4) / 2);
  });
});

it('high priority is served sooner with priorities than without', () => {
  const specs = Array.from({ length: 60 }, (_, id) => ({
    ...request(id, id * 1500, 20 + ((id * 37) % 60), 20 + ((id * 53) % 60)),
    className: id % 10 === 5 ? 'high' : 'normal',
  }));
  const meanTtftUs = (priorities: boolean): number => {
    const settings = { ...fast, priorities, headroomTargetTokens: 160 };
    const seen = run([tuned(llumnix, settings)], { specs, classes: twoClasses, numInstances: 3 });
    const high = specs.filter(({ className }) => className === 'high');
    return high.reduce((sum, { id }) => sum + ttftUs(seen, id), 0) / high.length;
  };
  expect(meanTtftUs(true)).toBeLessThan(meanTtftUs(false) / 2);
});

describe('autoscaling', () => {
  /** A burst of 80 requests, then a calm with a dozen at a time. */
  const specs = [
    ...Array.from({ length: 80 }, (_, id) =>
      request(id, id * 300, 20 + ((id * 37) % 60), 30 + ((id * 53) % 60)),
    ),
    ...Array.from({ length: 60 }, (_, id) => request(80 + id, 500_000 + id * 4000, 30, 120)),
  ];
  const about = { specs, numInstances: 2, maxInstances: 6, blocks: 40 };
  const autoscaler = tuned(llumnixAutoscaler, {
    intervalMs: 2,
    warmUpChecks: 0,
    addBelowSteps: 30,
    removeAboveSteps: 100,
  });
  const behind = {
    llumnix: tuned(llumnix, fast),
    'infaas-plus-plus': infaasPlusPlus,
    'round-robin': roundRobin,
  };

  it.each(Object.entries(behind))(
    'behind %s starts up to the budget, and drains when the burst is over',
    (_, dispatcher) => {
      const seen = run([dispatcher, autoscaler], about);
      expect(count(seen, 'instanceReady')).toBeGreaterThanOrEqual(6);
      expect(count(seen, 'drainStarted')).toBeGreaterThanOrEqual(4);
      expect(count(seen, 'instanceStopped')).toBeGreaterThanOrEqual(4);
      const drains = seen.decisions.filter(({ kind }) => kind === 'drain');
      for (const { timeUs, data } of drains) {
        const later = seen.decisions.filter(
          (decision) => decision.timeUs > timeUs && decision.data['groupId'] === data['groupId'],
        );
        expect(later.filter(({ kind }) => kind === 'dispatch' || kind === 'migrate')).toEqual([]);
      }
    },
  );
});

it('a drain ends sooner where requests migrate away, and nothing is preempted for it', () => {
  // Four long requests on each of two instances; one of these drains.
  const specs = Array.from({ length: 8 }, (_, id) => request(id, id, 20, 150));
  const drain = scripted([decide(5000, { kind: 'drain', groupId: 1, reason: 'test' })]);
  const stoppedAtUs = (dispatcher: PolicyDefinition): number => {
    const seen = run([dispatcher, drain], { specs, numInstances: 2, blocks: 120 });
    expect(seen.requests.every(({ numPreemptions }) => numPreemptions === 0)).toBe(true);
    return seen.events.find(({ kind }) => kind === 'instanceStopped')!.timeUs;
  };
  expect(stoppedAtUs(tuned(llumnix, fast))).toBeLessThan(20_000);
  expect(stoppedAtUs(infaasPlusPlus)).toBeGreaterThan(40_000);
});

describe('composes', () => {
  const params = { intervalMs: 5, warmUpChecks: 0, addBelowSteps: 30, removeAboveSteps: 100 };
  const autoscaler = tuned(llumnixAutoscaler, params);
  const dropping = tuned(kunserve, { pollMs: 10, minDwellMs: 20, reportMs: 10, trendReports: 3 });
  const migrating = tuned(llumnix, fast);
  const stacks = {
    'with swap': [migrating, autoscaler, swap],
    'with KunServe': [migrating, autoscaler, dropping],
    'INFaaS++ with KunServe and swap': [infaasPlusPlus, autoscaler, dropping, swap],
  };

  it.each(Object.entries(stacks))('%s, two classes and an instance that fails', (_, policies) => {
    const seen = run(policies, {
      specs: [
        ...Array.from({ length: 60 }, (__, id) => ({
          ...request(id, id * 300, 20 + ((id * 37) % 60), 30 + ((id * 53) % 60)),
          className: id % 7 === 0 ? 'high' : 'normal',
        })),
        ...Array.from({ length: 30 }, (__, id) => ({
          ...request(60 + id, 400_000 + id * 5000, 30, 100),
          className: 'normal',
        })),
      ],
      classes: twoClasses,
      numInstances: 4,
      maxInstances: 6,
      faults: [{ instance: 1, atUs: 60_000 }],
    });
    for (const kind of ['instanceFailed', 'instanceRequested', 'instanceStopped']) {
      expect(count(seen, kind)).toBeGreaterThan(0);
    }
  });
});
