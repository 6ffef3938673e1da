import {
  checkPolicy,
  clusterView,
  deps,
  groupView,
  instanceBlocks,
  policies,
  request,
  requestView,
  runTiny,
  withParams,
} from 'servebench/testing';
import { describe, expect, it } from 'vitest';
import policy from './policy-name.js';

const usual = policy.params.parse({});

describe('policy-name', () => {
  it.each(checkPolicy(policy))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });

  // One question about a view made by hand: everything has a value, and a test gives what its question is about.
  it('adds an instance when requests wait, as far as there may be more', () => {
    const scaler = policy.create(usual, deps);
    const busy = groupView(0, 1, { waiting: [1, 2, 3].map((id) => requestView(id)) });
    expect(scaler.onTick?.(clusterView([busy], { maxInstances: 2 }))).toMatchObject([{ kind: 'scaleUp' }]);
    expect(scaler.onTick?.(clusterView([busy], { maxInstances: 1 }))).toEqual([]);
    const coming = groupView(1, 1, { phase: 'loading', acceptsRequests: false });
    expect(scaler.onTick?.(clusterView([busy, coming], { maxInstances: 3 }))).toBeUndefined();
    const leaving = groupView(1, 1, { phase: 'draining', acceptsRequests: false });
    expect(scaler.onTick?.(clusterView([busy, leaving]))).toMatchObject([
      { kind: 'cancelDrain', groupId: 1 },
    ]);
  });

  it('removes the emptiest instance when memory is hardly used, and never the last', () => {
    const scaler = policy.create(usual, deps);
    const used = groupView(0, 1, { demandBlocks: 2, freeBlocks: instanceBlocks - 2 });
    const empty = groupView(1, 1);
    expect(scaler.onTick?.(clusterView([used, empty]))).toMatchObject([{ kind: 'drain', groupId: 1 }]);
    expect(scaler.onTick?.(clusterView([used]))).toBeUndefined();
  });

  // A whole run in a tiny cluster: `seen` has everything that a run records.
  it('grows in a burst and shrinks after it', () => {
    const burst = Array.from({ length: 12 }, (_, id) => request(id, id, 40, 60));
    const calm = Array.from({ length: 10 }, (_, index) =>
      request(12 + index, 200_000 + 10_000 * index, 20, 5),
    );
    const { seen } = runTiny({
      specs: [...burst, ...calm],
      policies: [withParams(policy, { checkS: 0.001 }), policies['least-loaded'], policies.recompute],
      maxInstances: 3,
    });
    const kinds = new Set(seen.decisions.map(({ kind }) => kind));
    expect([kinds.has('scaleUp'), kinds.has('drain')]).toEqual([true, true]);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
    expect(seen.events.some(({ kind }) => kind === 'instanceStopped')).toBe(true);
  });
});
