import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { BatchView, GroupView, Policy, RequestView } from '../../harness/policy/index.ts';
import { kunserve } from '../../policies/kunserve/kunserve.ts';
import { policies } from '../../policies/index.ts';
import * as fc from '../fast-check.ts';
import { clusterView, deps, groupView, requestView } from '../../harness/conformance/view-builders.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

function create(params: Record<string, unknown> = {}): Policy {
  return kunserve.create(kunserve.params.parse({ minTokens: 10, ...params }), deps);
}

const queued = (id: number, tokens: number) => requestView(id, { tokens, status: { kind: 'queued' } });
const prefilling = (id: number, tokens: number, scheduledTokens: number) =>
  requestView(id, { tokens, scheduledTokens, status: { kind: 'prefilling' } });
const ready = (id: number) => requestView(id, { tokens: 16, scheduledTokens: 15 });
const inStep = (id: number) => requestView(id, { tokens: 16, scheduledTokens: 16, isInFlight: true });

const budgetOf = (policy: Policy, group: GroupView): number | undefined =>
  policy.limits?.(group, clusterView([group]))?.maxBatchTokens;

/** What the core makes of the budget: decodes first, then prefills in order. */
function batchOf({ running, waiting }: GroupView, budget: number): BatchView {
  const entries: { request: RequestView; numTokens: number; pastTokens: number }[] = [];
  let left = budget;
  for (const each of [...running, ...waiting]) {
    const numTokens = Math.min(left, each.tokens - each.scheduledTokens);
    if (numTokens > 0) entries.push({ request: each, numTokens, pastTokens: each.scheduledTokens });
    left -= numTokens;
  }
  return { entries, totalTokens: budget - left };
}

/** `[request, tokens]` by micro-batch of the group's next batch, as large as the policy asks for; nothing where it does not answer. */
function roundOf(group: GroupView, params = {}): (readonly [number, number])[][] | undefined {
  const policy = create(params);
  const budget = budgetOf(policy, group);
  const plans = policy.formMicroBatches?.(batchOf(group, budget ?? group.limits.maxBatchTokens), group);
  return plans?.map(({ entries }) => entries.map((entry) => [entry.requestId, entry.numTokens] as const));
}

describe('lookahead', () => {
  it('halves all of the queued work, however many budgets that is, and takes the first part', () => {
    // A step may take 64 tokens; 640 are halved six times until halves would have fewer than 10, five times for 16.
    const waiting = [queued(1, 320), queued(2, 320)];
    expect(roundOf(groupView(0, 2, { waiting }))).toEqual([[[1, 10]]]);
    expect(roundOf(groupView(0, 2, { waiting }), { minTokens: 16 })).toEqual([[[1, 20]]]);
    expect(roundOf(groupView(0, 2, { waiting: [queued(1, 30), queued(2, 10)] }))).toEqual([[[1, 10]]]);
  });

  it('counts what is left of prompts that have begun', () => {
    const running = [prefilling(1, 100, 88), prefilling(2, 50, 50)];
    expect(roundOf(groupView(0, 2, { running, waiting: [queued(3, 28)] }))).toEqual([[[1, 10]]]);
  });

  it('keeps within what a step may take', () => {
    const waiting = [queued(1, 639)];
    const group = groupView(0, 2, { running: [ready(7), inStep(8)], waiting });
    const [microBatch = []] = roundOf(group, { minTokens: 1000 }) ?? [];
    const tokens = microBatch.reduce((sum, [, count]) => sum + count, 0);
    expect(tokens).toBeLessThanOrEqual(64);
    expect(tokens).toBeGreaterThan(32);
  });

  it('deals decodes out over micro-batches when most of them are back, and else keeps them together', () => {
    const waiting = [queued(1, 640)];
    const back = [7, 8, 9, 10].map(ready);
    const all = roundOf(groupView(0, 2, { running: back, waiting })) ?? [];
    expect(all.map((part) => part.map(([id]) => id))).toEqual([
      [7, 9, 1],
      [8, 10, 1],
    ]);
    const half = groupView(0, 2, { running: [...back.slice(2), inStep(5), inStep(6)], waiting });
    expect(roundOf(half)?.map((part) => part.map(([id]) => id))).toEqual([[9, 10, 1]]);
  });

  it('is for pipelines with work to halve, and for no others', () => {
    const waiting = [queued(1, 640)];
    expect(budgetOf(create(), groupView(0, 1, { waiting }))).toBeUndefined();
    expect(budgetOf(create(), groupView(0, 2, { waiting: [queued(1, 19)] }))).toBeUndefined();
    expect(budgetOf(create({ lookahead: false }), groupView(0, 2, { waiting }))).toBeUndefined();
    const running = [ready(7), ready(8)];
    expect(roundOf(groupView(0, 2, { running }))).toBeUndefined();
    // Who has put requests into host memory sets the limits while they are there.
    const swapped = [requestView(9, { status: { kind: 'swapped' } })];
    expect(roundOf(groupView(0, 2, { waiting, swapped }))).toBeUndefined();
  });

  it('leaves a batch to the even split that has no prefill after all', () => {
    const policy = create();
    const group = groupView(0, 2, { running: [ready(7), ready(8)], waiting: [queued(1, 640)] });
    expect(budgetOf(policy, group)).toBe(2 + 2 * 10);
    expect(policy.formMicroBatches?.(batchOf(group, 2), group)).toBeUndefined();
  });

  it('hands out every token of a batch once', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 12 });
    const property = fc.property(
      lengths,
      fc.nat({ max: 12 }),
      fc.nat({ max: 12 }),
      (tokens, numReady, numInStep) => {
        const running = [
          ...Array.from({ length: numReady }, (_, index) => ready(100 + index)),
          ...Array.from({ length: numInStep }, (_, index) => inStep(200 + index)),
        ];
        const group = groupView(0, 4, {
          running,
          waiting: tokens.map((count, index) => queued(index, count)),
        });
        const policy = create();
        const batch = batchOf(group, budgetOf(policy, group) ?? 64);
        const plans = policy.formMicroBatches?.(batch, group);
        if (plans === undefined) return;
        const handed = new Map<number, number>();
        for (const { requestId, numTokens } of plans.flatMap(({ entries }) => entries))
          handed.set(requestId, (handed.get(requestId) ?? 0) + numTokens);
        const expected = new Map(batch.entries.map((entry) => [entry.request.id, entry.numTokens]));
        expect(handed).toEqual(expected);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

/** Eight answers under way in a pipeline of two when forty prompts arrive; its stages, and the longest gap between two tokens. */
function runQueue(lookahead: boolean) {
  const settings = kunserve.params.parse({ lookahead, minTokens: 16 });
  const policy = { ...kunserve, create: () => kunserve.create(settings, deps) };
  const early = Array.from({ length: 8 }, (_, id) => request(id, 0, 4, 60));
  const late = Array.from({ length: 40 }, (_, id) => request(100 + id, 20_000, 30 + (id % 3) * 30, 1));
  const { seen } = runTiny({
    specs: [...early, ...late],
    policies: [policy, leastLoaded, recompute],
    blocks: 400,
    numInstances: 2,
    stagesPerGroup: 2,
  });
  const answers = seen.requests.filter(({ id }) => id < 8);
  return {
    stages: seen.stages,
    maxGapUs: Math.max(...answers.map(({ maxTokenGapUs }) => maxTokenGapUs)),
    maxStageUs: Math.max(...seen.stages.map(({ startedAtUs, endedAtUs }) => endedAtUs - startedAtUs)),
  };
}

const overlapsIn = (group: GroupView, params = {}) =>
  create(params).limits?.(group, clusterView([group]))?.overlapsChunks;

describe('chunks of one prompt', () => {
  it('overlap in its pipelines, with lookahead and without, and are left to the engine elsewhere', () => {
    const waiting = [queued(1, 640)];
    expect(overlapsIn(groupView(0, 2, { waiting }))).toBe(true);
    expect(overlapsIn(groupView(0, 2))).toBe(true);
    expect(overlapsIn(groupView(0, 2, { waiting }), { lookahead: false })).toBe(true);
    expect(overlapsIn(groupView(0, 1, { waiting }))).toBeUndefined();
    // Who has put requests into host memory sets the limits while they are there.
    const swapped = [requestView(9, { status: { kind: 'swapped' } })];
    expect(overlapsIn(groupView(0, 2, { waiting, swapped }))).toBeUndefined();
  });
});

describe('a deep queue in a pipeline', () => {
  it('lets answers advance in every turn of the pipeline, not once a queue', () => {
    const { maxGapUs, maxStageUs } = runQueue(true);
    // Two stages of a micro-batch, and before each the other micro-batch's and one more that was formed at the start.
    expect(maxGapUs).toBeLessThanOrEqual(5 * maxStageUs);
    expect(maxGapUs).toBeLessThan(runQueue(false).maxGapUs);
  });

  it('is served in micro-batches of much the same size', () => {
    const { stages } = runQueue(true);
    const prefills = stages.filter(({ prefillTokens, stageIndex }) => stageIndex === 0 && prefillTokens > 0);
    const sizes = prefills.slice(8, -8).map(({ prefillTokens }) => prefillTokens);
    expect(sizes.length).toBeGreaterThan(40);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 16 + 1);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16);
  });
});
