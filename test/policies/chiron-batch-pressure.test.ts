import { describe, expect, it } from 'vitest';
import type { ClusterView, RequestView } from '../../harness/policy/index.ts';
import { createRng } from '../../harness/base/rng.ts';
import { BatchPressure } from '../../policies/chiron/batch-pressure.ts';
import { countLate, DeadlineGroups, instancesToStart } from '../../policies/chiron/deadline-groups.ts';
import { OutputLengths } from '../../policies/chiron/output-lengths.ts';
import { Throughput } from '../../policies/chiron/throughput.ts';
import * as fc from '../fast-check.ts';
import { censusOf, classes, groupsOf, windowOf } from './chiron-views.ts';
import { clusterView, groupView, heldView, requestView } from '../../harness/conformance/view-builders.ts';

describe('expected output lengths', () => {
  it('are the limit at first, and the mean of what has finished in the end', () => {
    const lengths = new OutputLengths();
    const request = requestView(0, { className: 'bulk', outputLimitTokens: 1000 });
    expect(lengths.remaining(request)).toBe(1000);
    for (let count = 0; count < 10; count += 1) lengths.learn('bulk', 100);
    expect(lengths.remaining(request)).toBe(550);
    for (let count = 0; count < 100_000; count += 1) lengths.learn('bulk', 100);
    expect(lengths.remaining(request)).toBeCloseTo(100, 0);
    expect(lengths.remaining({ ...request, outputLimitTokens: 20 })).toBe(20);
    expect(lengths.remaining({ ...request, className: 'chat' })).toBe(1000);
  });

  it('leave at least a token, and only what is still to come', () => {
    const lengths = new OutputLengths();
    const request = requestView(0, { outputLimitTokens: 100 });
    expect(lengths.remaining({ ...request, generatedTokens: 30 })).toBe(70);
    expect(lengths.remaining({ ...request, generatedTokens: 100 })).toBe(1);
  });
});

describe('the variance of output lengths', () => {
  const request = requestView(0, { className: 'bulk', outputLimitTokens: 1000 });

  it('is that of what has finished in the end, and nothing at first, when all is the limit', () => {
    const lengths = new OutputLengths();
    expect(lengths.variance(request)).toBe(0);
    for (let count = 0; count < 100_000; count += 1) lengths.learn('bulk', count % 2 === 0 ? 100 : 300);
    expect(lengths.variance(request) / 10_000).toBeCloseTo(1, 1);
    expect(lengths.variance({ ...request, className: 'chat' })).toBe(0);
  });

  it('is no more than what is left to generate allows', () => {
    const lengths = new OutputLengths();
    for (let count = 0; count < 1000; count += 1) lengths.learn('bulk', count % 2 === 0 ? 1 : 999);
    expect(lengths.variance({ ...request, outputLimitTokens: 40 })).toBeLessThanOrEqual(20 ** 2);
    expect(lengths.variance({ ...request, generatedTokens: 960 })).toBeLessThanOrEqual(20 ** 2);
  });
});

describe('throughput', () => {
  it('is measured where tokens come, and missing where none have', () => {
    const throughput = new Throughput();
    const [busy, idle] = [groupView(0, 1), groupView(1, 1)];
    expect(throughput.perInstance([busy, idle])).toBeUndefined();
    for (let count = 0; count < 5; count += 1) {
      throughput.observe(busy, windowOf(2000));
      throughput.observe(idle, windowOf(0));
    }
    expect(throughput.perInstance([busy, idle])).toBeCloseTo(2000 / 1e6);
    throughput.observe(idle, windowOf(10));
    expect(throughput.perInstance([busy, idle])).toBeCloseTo(2000 / 1e6);
    expect(throughput.perInstance([idle])).toBeCloseTo(10 / 1e6);
  });

  it('is that of an instance, also in a pipeline, and forgets', () => {
    const throughput = new Throughput();
    const pipeline = groupView(0, 2);
    throughput.observe(pipeline, windowOf(2000));
    expect(throughput.perInstance([pipeline])).toBeCloseTo(1000 / 1e6);
    for (let count = 0; count < 100; count += 1) throughput.observe(pipeline, windowOf(200));
    expect(throughput.perInstance([pipeline])).toBeCloseTo(100 / 1e6);
    // Windows in which there was nothing to do say nothing about its speed.
    for (let count = 0; count < 100; count += 1) throughput.observe(pipeline, windowOf(0));
    expect(throughput.perInstance([pipeline])).toBeCloseTo(100 / 1e6);
  });
});

const exactly = (deadlineUs: number, tokens: number) => ({ deadlineUs, tokens, variance: 0 });

describe('groups of like deadlines', () => {
  it('collect what falls in one span, under the most urgent deadline', () => {
    const groups = new DeadlineGroups(100);
    for (const [deadlineUs, tokens] of [
      [250, 3],
      [110, 5],
      [199, 7],
      [205, 11],
    ] as const)
      groups.add(deadlineUs, tokens, 10 * tokens);
    expect(groups.inOrder()).toEqual([
      { deadlineUs: 110, tokens: 12, variance: 120 },
      { deadlineUs: 205, tokens: 14, variance: 140 },
    ]);
  });

  const service = {
    nowUs: 1000,
    tokensPerUs: 1,
    numServing: 2,
    startUs: 100,
    intervalUs: 100,
    deviations: 0,
  };

  it('are late by what is ahead of them as well, and by moments', () => {
    const first = exactly(2000, 2000);
    expect(countLate([first], service, 0)).toBe(0);
    expect(countLate([{ ...first, tokens: 2001 }], service, 0)).toBe(1);
    expect(countLate([{ ...first, tokens: 1900 }, exactly(2500, 1000)], service, 0)).toBe(0);
    expect(countLate([{ ...first, tokens: 2000 }, exactly(2500, 1001)], service, 0)).toBe(1);
    // The same requests a while later.
    expect(countLate([first], { ...service, nowUs: 1500 }, 0)).toBe(1);
  });

  it('are not helped by an instance before it has started', () => {
    const group = exactly(2000, 2900);
    expect(countLate([group], service, 1)).toBe(0);
    expect(countLate([{ ...group, tokens: 2901 }], service, 1)).toBe(1);
  });

  it('ask for as few instances as it takes', () => {
    expect(instancesToStart([exactly(2000, 2000)], service, 50)).toBe(0);
    expect(instancesToStart([exactly(2000, 3801)], service, 50)).toBe(3);
    expect(instancesToStart([exactly(2000, 1e9)], service, 50)).toBe(50);
  });

  it('ask for a finite number where the deadline has passed, and no less than before', () => {
    const overdue = exactly(0, 900);
    // An instance has one interval of service: 2 * 200 + 5 * 100 = 900.
    expect(instancesToStart([overdue], service, 50)).toBe(5);
    expect(instancesToStart([overdue], { ...service, numServing: 0 }, 50)).toBe(9);
  });

  it('are late by an upper estimate: deviations of the sum of what is ahead, by the central limit theorem', () => {
    // 2,000 tokens fit. 1,900 with a deviation of 60 do at one deviation and a half, not at two.
    const group = { deadlineUs: 2000, tokens: 1900, variance: 60 ** 2 };
    expect(countLate([group], { ...service, deviations: 1.5 }, 0)).toBe(0);
    expect(countLate([group], { ...service, deviations: 2 }, 0)).toBe(1);
    expect(instancesToStart([group], { ...service, deviations: 2 }, 50)).toBe(1);
    // Deviations of two groups do not add, their variances do: 1,900 and 2 * 50 are not 1,900 and 2 * 71.
    const halves = [2000, 2001].map((deadlineUs) => ({ deadlineUs, tokens: 950, variance: 50 ** 2 / 2 }));
    expect(countLate(halves, { ...service, deviations: 2 }, 0)).toBe(0);
  });

  it('are late rarely where the estimate says that they are not', () => {
    const rng = createRng(1, 'lengths');
    const lengthOf = (): number => Math.ceil(400 * rng.exponential());
    const lengths = new OutputLengths();
    for (let count = 0; count < 20_000; count += 1) lengths.learn('bulk', lengthOf());
    const request = requestView(0, { className: 'bulk', outputLimitTokens: 8000 });
    const numRequests = 200;
    const estimate =
      numRequests * lengths.remaining(request) + 1.645 * Math.sqrt(numRequests * lengths.variance(request));
    const sums = Array.from({ length: 2000 }, () => {
      let sum = 0;
      for (let count = 0; count < numRequests; count += 1) sum += lengthOf();
      return sum;
    });
    const exceeded = sums.filter((sum) => sum > estimate).length / sums.length;
    // One in twenty, by the choice of 1.645; half of them by the mean alone.
    expect(exceeded).toBeGreaterThan(0.03);
    expect(exceeded).toBeLessThan(0.08);
  });

  it('ask for more, the more there is to do and the less time', () => {
    const arbitrary = fc.record({
      deadlineUs: fc.integer({ min: 0, max: 1e4 }),
      tokens: fc.integer({ min: 1, max: 1e5 }),
      variance: fc.constant(0),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1 }), fc.nat(5000), (list, sooner) => {
        const sorted = list.toSorted((a, b) => a.deadlineUs - b.deadlineUs);
        const wanted = instancesToStart(sorted, service, 100);
        const heavier = sorted.map((group) => ({ ...group, tokens: group.tokens * 2 }));
        const tighter = sorted.map((group) => ({ ...group, deadlineUs: group.deadlineUs - sooner }));
        expect(instancesToStart(heavier, service, 100)).toBeGreaterThanOrEqual(wanted);
        expect(instancesToStart(tighter, service, 100)).toBeGreaterThanOrEqual(wanted);
        expect(instancesToStart(sorted, { ...service, numServing: 3 }, 100)).toBeLessThanOrEqual(wanted);
      }),
    );
  });
});

function bulk(count: number, about: Partial<RequestView> = {}): RequestView[] {
  const common = { className: 'bulk', outputLimitTokens: 100, ...about };
  return Array.from({ length: count }, (_, id) => requestView(id, common));
}

/** So many requests held, and a mixed instance with nothing to do. */
function queueOf(count: number): ClusterView {
  return clusterView(groupsOf([['mixed', 0]]), { held: heldView(bulk(count)), maxInstances: 16 });
}

describe('batch back-pressure', () => {
  const times = { startUs: 10e6, intervalUs: 10e6, groupSpanUs: 10e6 };
  /** Instances measured at a token per millisecond each. */
  function pressureOn(
    view: ClusterView,
    isMeasured = true,
    { lengths = new OutputLengths(), deviations = 2 } = {},
  ): BatchPressure {
    const throughput = new Throughput();
    if (isMeasured) for (const group of view.groups) throughput.observe(group, windowOf(1000));
    return new BatchPressure({ classes, census: censusOf(view), lengths, throughput }, times, deviations);
  }
  const want = (view: ClusterView, isMeasured = true) => pressureOn(view, isMeasured).want(view, 1);

  it('starts instances for deadlines that would be missed, and none otherwise', () => {
    // One instance does 600,000 tokens until the deadline; each further one 590,000.
    expect(want(queueOf(6000))).toEqual({ numInstances: 0, numLate: 0 });
    expect(want(queueOf(6001))).toEqual({ numInstances: 1, numLate: 1 });
    expect(want(queueOf(11_901)).numInstances).toBe(2);
  });

  it('counts what lengths vary by', () => {
    const lengths = new OutputLengths();
    for (let count = 0; count < 1e6; count += 1) lengths.learn('bulk', count % 2 === 0 ? 1 : 99);
    const lateOf = (count: number, deviations: number) =>
      pressureOn(queueOf(count), true, { lengths, deviations }).want(queueOf(count), 1).numLate;
    // 600,000 tokens fit: 12,000 requests of 50, and at two deviations of 49 a hundred and some fewer.
    expect([lateOf(11_990, 0), lateOf(12_001, 0)]).toEqual([0, 1]);
    expect([lateOf(11_700, 2), lateOf(11_850, 2)]).toEqual([0, 1]);
  });

  it('counts those that wait at an instance like those at the cluster', () => {
    const queued = groupView(0, 1, { waiting: bulk(6001) });
    expect(want(clusterView([queued], { maxInstances: 16 }))).toEqual({ numInstances: 1, numLate: 1 });
    const short = groupView(0, 1, { waiting: bulk(6000) });
    expect(want(clusterView([short], { maxInstances: 16 })).numInstances).toBe(0);
  });

  it('counts of mixed instances what interactive requests leave', () => {
    const mixed = groupView(0, 1, {
      running: [requestView(1, { className: 'chat' }), requestView(2, { className: 'bulk' })],
    });
    const view = clusterView([mixed], { held: heldView(bulk(3001)), maxInstances: 16 });
    expect(want(view)).toEqual({ numInstances: 1, numLate: 1 });
    expect(want({ ...view, held: heldView(bulk(3000)) }).numInstances).toBe(0);
  });

  it('does not take an instance that is loading for one that serves, nor ask for it twice', () => {
    const loading = groupView(1, 1, { role: 'batch', phase: 'loading', acceptsRequests: false });
    const view = clusterView([...groupsOf([['mixed', 0]]), loading], {
      held: heldView(bulk(6001)),
      maxInstances: 16,
    });
    expect(want(view)).toEqual({ numInstances: 1, numLate: 1 });
  });

  it('counts evicted requests as waiting', () => {
    const evicted = bulk(7000, { status: { kind: 'swapped' } });
    const view = clusterView([groupView(0, 1, { swapped: evicted })], { maxInstances: 16 });
    expect(want(view).numInstances).toBe(1);
  });

  it('keeps batch instances while requests wait, then those with work, then none', () => {
    const [working, idle] = [
      groupView(1, 1, { role: 'batch', running: bulk(1) }),
      groupView(2, 1, { role: 'batch' }),
    ];
    const view = clusterView([groupView(0, 1), working, idle], { maxInstances: 16 });
    expect(want({ ...view, held: heldView(bulk(1)) }).numInstances).toBe(2);
    expect(want(view).numInstances).toBe(1);
    expect(want({ ...view, groups: [groupView(0, 1), idle] }).numInstances).toBe(0);
  });

  it('sees to it that somebody serves them before anything has been measured', () => {
    const held = heldView(bulk(10));
    const interactive = clusterView(groupsOf([['interactive', 1]]), { held, maxInstances: 16 });
    expect(want(interactive, false)).toEqual({ numInstances: 1, numLate: undefined });
    const mixed = clusterView(groupsOf([['mixed', 0]]), { held, maxInstances: 16 });
    expect(want(mixed, false)).toEqual({ numInstances: 0, numLate: undefined });
  });

  it('looks at 100,000 held requests in a fraction of a second', () => {
    const held = heldView(bulk(100_000).map((request, index) => ({ ...request, arrivedAtUs: index * 1000 })));
    const groups = groupsOf(Array.from({ length: 64 }, () => ['mixed', 1] as const));
    const view = clusterView(groups, { held, maxInstances: 128 });
    const pressure = pressureOn(view);
    const startMs = performance.now();
    expect(Number.isFinite(pressure.want(view, 1).numInstances)).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(500);
  });
});
