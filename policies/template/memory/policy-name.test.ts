import { checkPolicy, policies, request, runTiny } from 'servebench/testing';
import { describe, expect, it } from 'vitest';
import policy from './policy-name.js';

describe('policy-name', () => {
  it.each(checkPolicy(policy))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });

  it('makes room when memory runs out, and every request still finishes', () => {
    // The eight requests end with 100 tokens each, and memory holds 20 blocks of 16 tokens.
    const specs = Array.from({ length: 8 }, (_, id) => request(id, id, 40, 60));
    const { seen } = runTiny({ specs, policies: [policies['least-loaded'], policy], blocks: 20 });
    expect(seen.decisions.some(({ kind }) => kind === 'preempt')).toBe(true);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });
});
