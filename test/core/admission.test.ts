import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { ClusterView } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
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
