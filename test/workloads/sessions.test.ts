import { describe, expect, it } from 'vitest';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import * as fc from '../fast-check.ts';
import { build, constantLengths, everyRequest, rootsOf } from './helpers.ts';

const question = { kind: 'chain-of-thought', rate: 20, durationS: 10 };
const followUps = {
  probability: 0.7,
  maxTurns: 5,
  thinkS: 3,
  promptTokens: { dist: 'uniform', min: 5, max: 9 },
};

function expectContinuation(request: RequestSpec, earlier: RequestSpec): void {
  expect(request.arrival).toMatchObject({ kind: 'after', requestId: earlier.id });
  const added = request.promptTokens - earlier.promptTokens - earlier.outputTokens;
  expect(added).toBeGreaterThanOrEqual(5);
  expect(added).toBeLessThanOrEqual(9);
}

describe('chain-of-thought', () => {
  it('has short prompts and long answers by default', async () => {
    const requests = everyRequest((await build([{ ...question, durationS: 100 }])).workload);
    const mean = (part: 'promptTokens' | 'outputTokens'): number =>
      requests.reduce((sum, request) => sum + request[part], 0) / requests.length;
    expect(requests.length / 2000).toBeCloseTo(1, 0);
    expect(mean('outputTokens') / 1527).toBeCloseTo(1, 0);
    expect(mean('promptTokens')).toBeLessThan(600);
    expect(Math.max(...requests.map(({ promptTokens }) => promptTokens))).toBe(2048);
  });

  it('puts earlier prompt and answer into every follow-up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), async (seed, probability) => {
        const source = { ...question, durationS: 2, followUps: { ...followUps, probability } };
        const { workload } = await build([source, { ...question, durationS: 2 }], { seed });
        const requests = everyRequest(workload);
        for (const request of requests) {
          expect(request.continues).toBe(
            request.arrival.kind === 'after' ? request.arrival.requestId : undefined,
          );
          const parent = request.continues === undefined ? undefined : requests[request.continues];
          expect(request.sessionId).toBe(parent && (parent.sessionId ?? parent.id));
          if (request.continues !== undefined) expectContinuation(request, requests[request.continues]!);
          expect(workload.followers(request.id).length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('goes on with the given probability, pause and most turns', async () => {
    const { workload } = await build([{ ...question, durationS: 200, followUps }]);
    const requests = everyRequest(workload);
    const roots = rootsOf(workload);
    const turns = (1 - 0.7 ** 5) / (1 - 0.7);
    expect(requests.length / roots.length).toBeCloseTo(turns, 0);
    const pauses = requests.flatMap(({ arrival }) =>
      arrival.kind === 'after' ? [arrival.delayUs / 1e6] : [],
    );
    expect(pauses.reduce((a, b) => a + b, 0) / pauses.length / 3).toBeCloseTo(1, 1);
  });

  it('never passes the most turns, or the longest context', async () => {
    const limits = { ...followUps, probability: 1, maxContextTokens: 120 };
    const lengths = {
      promptTokens: { dist: 'constant', tokens: 20 },
      outputTokens: { dist: 'constant', tokens: 20 },
    };
    const { workload } = await build([{ ...question, ...lengths, followUps: limits }]);
    const requests = everyRequest(workload);
    expect(requests.length).toBeGreaterThan(rootsOf(workload).length * 2);
    for (const { promptTokens, outputLimitTokens } of requests) {
      expect(promptTokens + outputLimitTokens).toBeLessThanOrEqual(120);
    }
  });

  it('asks branches at one instant, with one prompt and answers of their own', async () => {
    const { workload } = await build([
      { ...question, branches: { count: 8, needed: 5 } },
      { kind: 'poisson', rate: 50, durationS: 10, ...constantLengths },
      { ...question, branches: { count: 2 } },
    ]);
    const requests = everyRequest(workload);
    const jobs = new Map(requests.flatMap(({ job }) => (job === undefined ? [] : [[job.id, job] as const])));
    expect(jobs.size).toBeGreaterThan(300);
    for (const { branches, needed } of jobs.values()) {
      expect([8, 2]).toContain(branches.length);
      expect(needed).toBe(branches.length === 8 ? 5 : 2);
      const members = branches.map((id) => requests[id]!);
      expect(new Set(members.map(({ job }) => job?.id)).size).toBe(1);
      expect(new Set(members.map(({ arrival }) => JSON.stringify(arrival))).size).toBe(1);
      expect(new Set(members.map(({ promptKey }) => promptKey)).size).toBe(1);
      expect(new Set(members.map(({ promptTokens }) => promptTokens)).size).toBe(1);
    }
    const keys = [...jobs.values()].map(({ branches }) => requests[branches[0]!]!.promptKey);
    expect(new Set(keys).size).toBe(jobs.size);
    expect(requests.filter(({ job, promptKey }) => job === undefined && promptKey !== undefined)).toEqual([]);
    const answers = requests.filter(({ job }) => job !== undefined).map(({ outputTokens }) => outputTokens);
    expect(new Set(answers).size).toBeGreaterThan(100);
  });

  it('plans the last question whole', async () => {
    const { workload } = await build([
      { ...question, durationS: undefined, numRequests: 10, branches: { count: 4 } },
    ]);
    expect(workload.numRequests).toBe(12);
  });
});

describe('closed-loop', () => {
  it('shares the requests out and lets each client wait for its answer', async () => {
    const { workload } = await build([
      { kind: 'closed-loop', clients: 4, numRequests: 18, thinkS: 0.5, rampS: 2, ...constantLengths },
    ]);
    const roots = rootsOf(workload);
    expect(roots.map(({ arrival }) => arrival)).toEqual(
      [0, 0.5, 1, 1.5].map((timeS) => ({ kind: 'at', timeUs: timeS * 1e6 })),
    );
    const chains = roots.map((root) => {
      let length = 1;
      for (let next = workload.followers(root.id); next.length > 0; length += 1) {
        expect(next).toHaveLength(1);
        expect(next[0]!.continues).toBeUndefined();
        next = workload.followers(next[0]!.id);
      }
      return length;
    });
    expect(chains).toEqual([5, 5, 4, 4]);
  });

  it('starts no more clients than requests', async () => {
    const { workload } = await build([
      { kind: 'closed-loop', clients: 10, numRequests: 3, ...constantLengths },
    ]);
    expect(rootsOf(workload)).toHaveLength(3);
    expect(workload.numRequests).toBe(3);
  });
});
