import { describe, expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import { checkPolicy } from '../../harness/conformance/check-policy.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import type { PolicyDefinition, RequestClass } from '../../harness/policy/index.ts';
import { chiron } from '../../policies/chiron/chiron.ts';
import { policies } from '../../policies/index.ts';
import * as fc from '../fast-check.ts';

const { recompute } = policies;

/** Times of the tiny cluster, where a step takes some tenths of a millisecond. */
const classes: readonly RequestClass[] = [
  { name: 'chat', priority: 1, slo: { ttftUs: 5000, tpotUs: 2000 } },
  { name: 'bulk', priority: 0, slo: { ttftUs: 100_000 } },
];
const quick = { batchClasses: ['bulk'], windowMs: 2, intervalS: 0.005 };

function chironWith(settings: object): PolicyDefinition {
  const parsed = chiron.params.parse({ ...quick, ...settings });
  return { ...chiron, create: (_defaults, deps) => chiron.create(parsed, deps) };
}

function chat(id: number, timeUs: number, promptTokens: number, outputTokens: number): RequestSpec {
  return { ...request(id, timeUs, promptTokens, outputTokens), className: 'chat' };
}

function bulk(id: number, timeUs: number, promptTokens: number, outputTokens: number): RequestSpec {
  return { ...request(id, timeUs, promptTokens, outputTokens), className: 'bulk' };
}

/** Runs Chiron with `recompute` behind it; every request must finish, and none of its decisions be refused. */
function serve(run: Omit<TinyRun, 'policies'>, settings: object = {}) {
  const { seen, totals } = runTiny({
    classes,
    maxDurationUs: 60e6,
    ...run,
    policies: [chironWith(settings), recompute],
  });
  const own = seen.decisions.filter(({ policy }) => policy === 'chiron');
  expect(own.filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
  for (const { status } of seen.requests) expect(status).toBe('finished');
  expect(seen.requests).toHaveLength(run.specs.length);
  const count = (kind: string): number => own.filter((decision) => decision.kind === kind).length;
  return { seen, totals, own, count };
}

describe('chiron', () => {
  it.each(checkPolicy(chiron))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });
});

/** Batch requests that fill one instance, and interactive ones in the midst of them. */
const crowd = Array.from({ length: 8 }, (_, id) => bulk(id, 0, 30, 60));
const visitors = Array.from({ length: 4 }, (_, index) => chat(8 + index, 6000 + index * 300, 40, 20));

/** Of the interactive requests, in microseconds. */
function meanTtftUs(stack: readonly PolicyDefinition[]): number {
  const { seen } = runTiny({ classes, specs: [...crowd, ...visitors], policies: stack });
  const waits = seen.requests
    .filter(({ className }) => className === 'chat')
    .map(({ arrivedAtUs, firstTokenAtUs }) => (firstTokenAtUs ?? Infinity) - arrivedAtUs);
  return waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
}

describe('interactive requests among batch requests', () => {
  it('evict them, whose KV goes to host memory and comes back, so that nothing is computed twice', () => {
    const { seen, count } = serve({ specs: [...crowd, ...visitors] }, { global: false });
    expect(count('preempt')).toBeGreaterThan(0);
    expect(count('swapIn')).toBe(count('preempt'));
    const computed = seen.stages.reduce((sum, { prefillTokens }) => sum + prefillTokens, 0);
    expect(computed).toBe([...crowd, ...visitors].reduce((sum, { promptTokens }) => sum + promptTokens, 0));
    expect(seen.transfers.some(({ kind }) => kind === 'swap-out')).toBe(true);
    expect(seen.transfers.some(({ kind }) => kind === 'swap-in')).toBe(true);
  });

  it('do not wait for them', () => {
    const without = meanTtftUs([policies['least-loaded'], recompute]);
    expect(meanTtftUs([chironWith({ global: false }), recompute])).toBeLessThan(without / 2);
  });

  it('are served as well where the host has no memory', () => {
    const { count } = serve({ specs: [...crowd, ...visitors], hostBlocks: 0 }, { global: false });
    expect(count('swapIn')).toBe(0);
    expect(count('preempt')).toBeGreaterThan(0);
  });

  it('send evicted ones to where there is room', () => {
    const stayers = Array.from({ length: 40 }, (_, index) => chat(20 + index, 6000 + index * 400, 60, 40));
    const settings = { global: true, theta: 1, interactiveInstances: 0, minInstances: 1, batchInstances: 1 };
    const { seen } = serve(
      {
        specs: [...crowd, ...crowd.map((spec, id) => ({ ...spec, id: asRequestId(8 + id) })), ...stayers],
        numInstances: 2,
      },
      settings,
    );
    const moved = seen.decisions.filter(({ kind }) => kind === 'migrate');
    expect(moved.length).toBeGreaterThan(0);
  });
});

describe('the fleet', () => {
  it('grows with interactive load, and shrinks when it has gone', () => {
    const wave = Array.from({ length: 60 }, (_, id) => chat(id, id * 300, 40, 40));
    const last = chat(60, 200_000, 20, 20);
    const { seen, count } = serve({ specs: [...wave, last], numInstances: 1, maxInstances: 8 });
    expect(count('scaleUp')).toBeGreaterThan(0);
    expect(count('drain')).toBeGreaterThan(0);
    const ready = seen.events.filter(({ kind }) => kind === 'instanceReady');
    expect(ready.length).toBeGreaterThan(0);
    const atEnd = seen.samples.filter(({ timeUs }) => timeUs === seen.samples.at(-1)?.timeUs);
    expect(atEnd.filter(({ state }) => state === 'ready').length).toBeLessThanOrEqual(3);
  });

  it('gets batch instances where deadlines would be missed, and gives them back when the queue is done', () => {
    const heap = Array.from({ length: 80 }, (_, id) => bulk(id, 0, 30, 60));
    const settings = { interactiveInstances: 0 };
    const late = chat(80, 400_000, 20, 20);
    const { seen, own } = serve({ specs: [...heap, late], numInstances: 1, maxInstances: 6 }, settings);
    const started = own.filter(({ kind, data }) => kind === 'scaleUp' && data['role'] === 'batch');
    expect(started.length).toBeGreaterThan(0);
    const stopped = seen.events.filter(({ kind }) => kind === 'instanceStopped');
    expect(stopped.length).toBeGreaterThan(0);
    const lastSample = seen.samples.at(-1)?.timeUs;
    const left = seen.samples.filter(
      ({ timeUs, role, state }) => timeUs === lastSample && role === 'batch' && state === 'ready',
    );
    expect(left).toEqual([]);
  });

  it('serves a load of interactive requests alone, and one of batch requests alone', () => {
    const chats = Array.from({ length: 30 }, (_, id) => chat(id, id * 400, 40, 30));
    const onlyChat = classes.filter(({ name }) => name === 'chat');
    const interactive = serve({ specs: chats, classes: onlyChat, numInstances: 3 }, { batchClasses: [] });
    expect(interactive.count('preempt')).toBe(0);
    expect(interactive.count('hold')).toBe(0);
    const bulks = Array.from({ length: 30 }, (_, id) => bulk(id, id * 400, 40, 30));
    const onlyBulk = classes.filter(({ name }) => name === 'bulk');
    serve({ specs: bulks, classes: onlyBulk, numInstances: 3, maxInstances: 5 });
  });
});

describe('the ablations', () => {
  const mix = Array.from({ length: 60 }, (_, id) =>
    id % 3 === 0 ? bulk(id, 0, 40, 60) : chat(id, id * 300, 40, 40),
  );
  const run = { specs: mix, numInstances: 2, maxInstances: 6 };

  it('local alone adapts batch sizes and leaves the fleet alone', () => {
    const { count } = serve(run, { global: false, increase: 'additive' });
    expect(count('setLimits')).toBeGreaterThan(0);
    for (const kind of ['scaleUp', 'drain', 'setRole']) expect(count(kind)).toBe(0);
  });

  it('global alone leaves batch sizes alone', () => {
    const { count } = serve(run, { local: false });
    expect(count('setLimits')).toBe(0);
    expect(count('scaleUp')).toBeGreaterThan(0);
  });
});

it('swaps in no more in a tick than the batch size that the same tick has set', () => {
  const lengths = [
    [35, 8],
    [86, 1],
    [20, 2],
    [1, 2],
    [1, 5],
    [57, 1],
    [1, 2],
    [1, 1],
  ] as const;
  const chats = lengths.map(([prompt, output], index) => chat(1 + index, 1, prompt, output));
  const { own, count } = serve(
    { specs: [bulk(0, 0, 1, 12), ...chats], blocks: 12, maxBatchTokens: 16 },
    { global: false, fillShare: 0.5, increase: 'additive', theta: 1 / 3 },
  );
  expect(count('swapIn')).toBe(1);
  const evictedAtUs = own.find(({ kind }) => kind === 'preempt')!.timeUs;
  const returnedAtUs = own.find(({ kind }) => kind === 'swapIn')!.timeUs;
  const isLowered = ({ kind, timeUs }: (typeof own)[number]): boolean =>
    kind === 'setLimits' && timeUs > evictedAtUs && timeUs < returnedAtUs;
  expect(own.some(isLowered)).toBe(true);
});

describe('any load under Chiron', () => {
  const lengths = {
    promptTokens: fc.integer({ min: 1, max: 100 }),
    outputTokens: fc.integer({ min: 1, max: 60 }),
  };
  const arrival = fc.record({ isBatch: fc.boolean(), gapUs: fc.integer({ min: 0, max: 3000 }), ...lengths });
  const load = fc.array(arrival, { minLength: 5, maxLength: 50 }).map((list) => {
    let timeUs = 0;
    return list.map(({ isBatch, gapUs, promptTokens, outputTokens }, id) => {
      timeUs += gapUs;
      return (isBatch ? bulk : chat)(id, timeUs, promptTokens, outputTokens);
    });
  });
  const cluster = fc.record({
    blocks: fc.integer({ min: 12, max: 24 }),
    hostBlocks: fc.constantFrom(0, 10, 1000),
    numInstances: fc.integer({ min: 1, max: 4 }),
    maxBatchTokens: fc.constantFrom(16, 64, 500),
  });
  const settings = fc.record({
    local: fc.boolean(),
    global: fc.boolean(),
    increase: fc.constantFrom('additive', 'multiplicative'),
    theta: fc.constantFrom(1 / 3, 0.6, 1),
    busy: fc.constantFrom('instances', 'fraction'),
    step: fc.constantFrom('target', 'one'),
    interactiveInstances: fc.nat(2),
    batchInstances: fc.nat(2),
    scaleInAfter: fc.constantFrom(1, 2),
    fillShare: fc.constantFrom(0.5, 0.8, 1),
    initialBatch: fc.constantFrom(undefined, 1, 4),
  });

  it('is served whole, whatever it evicts, moves, starts and drains, and none of its decisions is refused', () => {
    const counts: Record<string, number> = {};
    fc.assert(
      fc.property(load, cluster, settings, fc.nat(4), (specs, options, chosen, spare) => {
        const { initialBatch, ...others } = chosen;
        const run = { ...options, specs, maxInstances: options.numInstances + spare, checkEvery: 5 };
        const { own } = serve(run, initialBatch === undefined ? others : { ...others, initialBatch });
        for (const { kind } of own) counts[kind] = (counts[kind] ?? 0) + 1;
      }),
      { numRuns: 150 },
    );
    for (const kind of [
      'dispatch',
      'hold',
      'preempt',
      'swapIn',
      'migrate',
      'setLimits',
      'setRole',
      'scaleUp',
      'drain',
    ]) {
      expect(counts[kind], kind).toBeGreaterThan(0);
    }
  });
});
