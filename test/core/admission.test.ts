import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Admission, EnginePreset } from '../../harness/core/engine.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { blockSizeTokens } from '../../harness/conformance/tiny-hardware.ts';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import type { ClusterView, Limits } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { buildWorkload, workloadSourceSchema } from '../../workloads/index.ts';
import * as fc from '../fast-check.ts';
import { policyOf } from './policy-of.ts';
import { scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

/** When each request was admitted and ended, with a quarter of 20 blocks kept free. */
function withWatermark(...promptBlocks: readonly number[]) {
  const { seen } = runTiny({
    specs: promptBlocks.map((blocks, id) => request(id, id, 16 * blocks, id === 0 ? 12 : 2)),
    policies: [policyOf({ limits: () => ({ watermarkRatio: 0.25 }) }), leastLoaded, recompute],
    blocks: 20,
    maxBatchTokens: 400,
  });
  return seen.requests.toSorted((a, b) => a.id - b.id);
}

describe('admission', () => {
  it('leaves the watermark free beside running requests', () => {
    // The first holds 11 blocks from its first token on, which with 5 kept free leaves 4.
    const [first, second] = withWatermark(10, 4);
    expect(second?.firstScheduledAtUs).toBeLessThan(first?.endedAtUs as number);
    const [before, waiting] = withWatermark(10, 5);
    expect(waiting?.firstScheduledAtUs).toBeGreaterThanOrEqual(before?.endedAtUs as number);
  });

  it('gives all of an empty group to one request', () => {
    expect(withWatermark(18)).toMatchObject([{ status: 'finished', firstScheduledAtUs: 0 }]);
  });
});

/** Kinds of the waiting requests at every moment at which requests of both kinds wait. */
function mixedQueues(): string[][] {
  const queues: string[][] = [];
  const watch = ({ groups }: ClusterView) => {
    for (const { waiting } of groups) {
      const kinds = Array.from(waiting, ({ status }) => status.kind);
      if (new Set(kinds).size > 1) queues.push(kinds);
    }
  };
  runTiny({
    specs: Array.from({ length: 16 }, (_, id) => request(id, id, 40, 60)),
    policies: [scripted([], watch), leastLoaded, recompute],
    blocks: 20,
  });
  return queues;
}

describe('a request that has been preempted', () => {
  it('waits before those that have not been admitted yet', () => {
    const queues = mixedQueues();
    expect(queues.length).toBeGreaterThan(0);
    for (const kinds of queues) {
      expect(kinds.lastIndexOf('preempted')).toBeLessThan(kinds.indexOf('queued'));
    }
  });
});

/** Prompts that share a memory of 20 blocks, chunks of 64 tokens. */
function onEngine(engine: EnginePreset, specs: TinyRun['specs'], more: Partial<TinyRun> = {}) {
  const run = { specs, policies: [leastLoaded, recompute], blocks: 20, engine, ...more };
  const { seen } = runTiny(run);
  const { stages, decisions } = seen;
  return { stages, decisions, requests: seen.requests.toSorted((a, b) => a.id - b.id) };
}

describe('whole-prompt admission', () => {
  // The first holds 12 blocks and grows to 15; the second needs 18.
  const pair = [request(0, 0, 190, 50), request(1, 1, 280, 2)];

  it('keeps a request out until all of its prompt fits', () => {
    const { requests } = onEngine('vllm-v1', pair);
    expect(requests.map(({ numPreemptions }) => numPreemptions)).toEqual([0, 0]);
    expect(requests[1]?.firstScheduledAtUs).toBeGreaterThanOrEqual(requests[0]?.endedAtUs as number);
  });

  it('is what keeps the first chunk from thrashing', () => {
    const { requests } = onEngine('vllm-v1', pair, { admission: 'first-chunk' });
    expect(requests[1]?.numPreemptions).toBeGreaterThan(0);
    expect(requests[1]?.firstScheduledAtUs).toBeLessThan(requests[0]?.endedAtUs as number);
  });

  it.each(['vllm-v1', 'vllm-v0', 'vllm-0.1'] as const)(
    'on %s a request that does not fit whole never takes a block',
    (engine) => {
      const load = fc.array(
        fc.record({
          timeUs: fc.nat(20_000),
          prompt: fc.integer({ min: 1, max: 250 }),
          answer: fc.integer({ min: 1, max: 60 }),
        }),
        { minLength: 2, maxLength: 12 },
      );
      fc.assert(
        fc.property(load, (rows) => {
          const specs = rows
            .toSorted((a, b) => a.timeUs - b.timeUs)
            .map(({ timeUs, prompt, answer }, id) => request(id, timeUs, prompt, answer));
          onEngine(engine, specs, { policies: [leastLoaded, admissionWatch(), recompute] });
        }),
        { numRuns: 100 },
      );
    },
  );
});

/** Fails the run when requests that waited before a step run after it and had not room for all of their tokens together. */
function admissionWatch() {
  let free = Infinity;
  let waiting = new Map<number, number>();
  return policyOf({
    onMemoryPressure: () => {
      // What is given up in this step makes room that was not there before.
      free = Infinity;
      return undefined;
    },
    onSchedule: (group) => {
      let needed = 0;
      for (const { id } of group.running) needed += Math.ceil((waiting.get(id) ?? 0) / blockSizeTokens);
      if (needed > free)
        throw new Error(`${free} blocks were free, requests that need ${needed} were admitted`);
      free = group.freeBlocks;
      waiting = new Map(Array.from(group.waiting, ({ id, tokens }) => [id, tokens]));
      return undefined;
    },
  });
}

/** Requests that finished, and how often any was preempted: one instance with an A10's room for KV. */
async function serve(admission: Admission, stack: TinyRun['policies']) {
  const path = fileURLToPath(
    new URL('../fixtures/traces/azure2023_code_burst_840-980s.csv', import.meta.url),
  );
  const trace = { kind: 'trace', path, format: 'azure', lengthScale: { output: 20 }, maxTotalTokens: 8192 };
  const { workload } = await buildWorkload({
    sources: [workloadSourceSchema.parse(trace)],
    classes: [{ name: 'default', priority: 0, slo: {} }],
    seed: 1,
    baseDir: '.',
  });
  const specs: RequestSpec[] = [];
  const arrivals = workload.arrivals();
  for (let next = arrivals.next(); next.done !== true; next = arrivals.next()) specs.push(next.value);
  const { seen } = runTiny({
    specs,
    policies: stack,
    blocks: 851,
    maxBatchTokens: 2048,
    admission,
    checkEvery: 0,
  });
  const finished = seen.requests.filter(({ status }) => status === 'finished');
  return {
    numRequests: specs.length,
    numFinished: finished.length,
    numPreemptions: seen.requests.reduce((sum, { numPreemptions }) => sum + numPreemptions, 0),
  };
}

describe('on a burst of long prompts, Azure code completions with answers twenty times as long', () => {
  it('admits what fits whole, and gives up a tenth as often as by first chunks', async () => {
    const whole = await serve('whole-prompt', [leastLoaded, admissionWatch(), recompute]);
    const chunk = await serve('first-chunk', [leastLoaded, recompute]);
    expect(whole.numFinished).toBe(whole.numRequests);
    expect(whole.numPreemptions).toBeLessThan(0.1 * chunk.numPreemptions);
  });
});

/** Tokens of prefill and of decoding in each step, a pipeline's first stage alone. */
function stepKinds(stages: ReturnType<typeof onEngine>['stages']) {
  return stages
    .filter(({ stageIndex }) => stageIndex === 0)
    .map(({ prefillTokens, decodeTokens }) => [prefillTokens, decodeTokens]);
}

describe('engine presets', () => {
  const load = [request(0, 0, 20, 6), request(1, 200, 100, 2)];

  it('vLLM V1 and V0 share a step between decoding and chunks of prompts', () => {
    for (const engine of ['vllm-v1', 'vllm-v0'] as const) {
      expect(stepKinds(onEngine(engine, load).stages)).toContainEqual([63, 1]);
    }
  });

  it('vLLM 0.1 gives whole prompts steps of their own, before those that decode', () => {
    const kinds = stepKinds(onEngine('vllm-0.1', load).stages);
    expect(kinds.every(([prefill, decode]) => prefill === 0 || decode === 0)).toBe(true);
    // Larger than the budget of 64, and whole all the same.
    expect(kinds).toContainEqual([100, 0]);
  });

  it('vLLM 0.1 admits as many prompts as the budget has room for', () => {
    const prompts = [0, 1, 2].map((id) => request(id, 0, 30, 3));
    expect(stepKinds(onEngine('vllm-0.1', prompts).stages).slice(0, 2)).toEqual([
      [60, 0],
      [30, 0],
    ]);
  });

  it('older engines take all blocks of a prompt when they admit it, V1 chunk by chunk', () => {
    // 20 blocks: the first prompt needs 10 and takes three steps; the second needs 10 and one for its next token.
    const prompts = [request(0, 0, 160, 2), request(1, 1, 150, 2)];
    const firstBlocks = (engine: EnginePreset): number | undefined => {
      const seen: number[] = [];
      const watch = policyOf({
        onSchedule: ({ running }) => {
          const first = running.at(0);
          if (first !== undefined) seen.push(first.kvBlocks);
          return undefined;
        },
      });
      onEngine(engine, prompts, { policies: [watch, leastLoaded, recompute] });
      return seen[0];
    };
    expect(firstBlocks('vllm-v1')).toBe(4);
    expect(firstBlocks('vllm-v0')).toBe(10);
  });

  it('chunks of one prompt overlap in a pipeline of V1, of V0 only if a policy has its pipelines do so', () => {
    const one = [request(0, 0, 256, 2)];
    const overlaps = (engine: EnginePreset, limits: Partial<Limits> = {}): boolean => {
      const stack = [policyOf({ limits: () => limits }), leastLoaded, recompute];
      const run = { numInstances: 2, stagesPerGroup: 2, policies: stack };
      const { stages } = onEngine(engine, one, run);
      const second = stages.filter(({ stageIndex }) => stageIndex === 1);
      const first = stages.filter(({ stageIndex }) => stageIndex === 0);
      return first.some((a) =>
        second.some((b) => a.startedAtUs < b.endedAtUs && b.startedAtUs < a.endedAtUs),
      );
    };
    expect(overlaps('vllm-v1')).toBe(true);
    expect(overlaps('vllm-v1', { overlapsChunks: false })).toBe(false);
    expect(overlaps('vllm-v0')).toBe(false);
    expect(overlaps('vllm-v0', { overlapsChunks: true })).toBe(true);
  });

  it('V0 admits others in a step that has preempted, V1 does not', () => {
    // Two requests fill 20 blocks and one is preempted, which is more than the third, small one asks for.
    const three = [request(0, 0, 150, 40), request(1, 0, 150, 40), request(2, 20_000, 10, 2)];
    const admittedAt = (engine: EnginePreset): boolean => {
      const { requests, decisions } = onEngine(engine, three, { maxBatchTokens: 400 });
      const preemptions = decisions.filter(({ kind }) => kind === 'preempt').map(({ timeUs }) => timeUs);
      expect(preemptions.length).toBeGreaterThan(0);
      return preemptions.includes(requests[2]?.firstScheduledAtUs as number);
    };
    expect(admittedAt('vllm-v0')).toBe(true);
    expect(admittedAt('vllm-v1')).toBe(false);
  });
});
