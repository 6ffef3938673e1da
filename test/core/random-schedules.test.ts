import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asGroupId } from '../../harness/domain/ids.ts';
import { type Decision, definePolicy, type PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { runTiny } from '../../harness/conformance/tiny-cluster.ts';
import * as fc from '../fast-check.ts';
import { requests } from './schedules.ts';

const { 'least-loaded': leastLoaded, 'round-robin': roundRobin, recompute, swap, unlimited } = policies;

/** Holds, rejects, gives requests up and changes limits by the roll of a die: the core must cope with all of it. */
const moody = definePolicy({
  name: 'moody',
  family: 'other',
  summary: 'test',
  params: z.strictObject({}),
  capabilities: { dispatches: true, preempts: ['recompute', 'swap'] },
  create: (_params, { rng }) => ({
    dispatch: (_request, view) => {
      const roll = rng.uniform();
      if (roll < 0.1) return { kind: 'reject', reason: 'bad mood' };
      const isIdle = view.groups.every(
        (group) => group.running.length + group.waiting.length + group.swapped.length === 0,
      );
      if (roll < 0.4 && !isIdle) return { kind: 'hold', reason: 'later' };
      const group = view.groups[rng.integer(view.groups.length)];
      return { kind: 'dispatch', groupId: group?.id ?? asGroupId(0), reason: 'there' };
    },
    onSchedule: (group) => {
      const back = [...group.swapped].find(({ status }) => status.kind === 'swapped');
      return back === undefined ? [] : [{ kind: 'swapIn', requestId: back.id, reason: 'if there is room' }];
    },
    onMemoryPressure: (group) => {
      const idle = [...group.running].filter(({ isInFlight }) => !isInFlight);
      const victim = idle[rng.integer(idle.length + 1)];
      const mode = rng.uniform() < 0.5 ? 'swap' : 'recompute';
      return victim === undefined
        ? undefined
        : [{ kind: 'preempt', requestId: victim.id, mode, reason: 'the die' }];
    },
    tickUs: 3000,
    onTick: (view) =>
      view.groups.flatMap((group): Decision[] => {
        const limits = { maxRunning: 1 + rng.integer(8) };
        const victim = group.running.at(rng.integer(group.running.length + 4));
        const mode = rng.uniform() < 0.5 ? 'swap' : 'recompute';
        return [
          { kind: 'setLimits', groupId: group.id, limits, reason: 'the die' },
          ...(victim === undefined
            ? []
            : [{ kind: 'preempt', requestId: victim.id, mode, reason: 'the die' } as const]),
        ];
      }),
  }),
});

const stacks: readonly (readonly PolicyDefinition[])[] = [
  [leastLoaded, recompute],
  [roundRobin, swap, recompute],
  [leastLoaded, unlimited],
  [moody, recompute],
];

const run = fc.record({
  specs: requests,
  stackIndex: fc.nat({ max: stacks.length - 1 }),
  blocks: fc.integer({ min: 4, max: 40 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  numInstances: fc.constantFrom(1, 2, 3),
  stagesPerGroup: fc.constantFrom(1, 1, 2, 3),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
});

describe('any load on any stack', () => {
  it('ends every request exactly once, leaves nothing behind, and repeats', () => {
    fc.assert(
      fc.property(run, ({ stackIndex, ...options }) => {
        const stack = stacks[stackIndex] as readonly PolicyDefinition[];
        const first = runTiny({ ...options, policies: stack });
        const ids = first.seen.requests.map(({ id }) => id);
        expect(ids.toSorted((a, b) => a - b)).toEqual(options.specs.map(({ id }) => id));
        for (const record of first.seen.requests) {
          expect(['finished', 'failed', 'rejected', 'aborted']).toContain(record.status);
          if (record.status === 'finished') expect(record.generatedTokens).toBe(record.outputTokens);
        }
        for (const sample of first.seen.samples.slice(-options.numInstances)) {
          expect(sample).toMatchObject({
            kvUsedBytes: 0,
            hostKvBytes: 0,
            numWaiting: 0,
            numRunning: 0,
            numSwapped: 0,
          });
        }
        const second = runTiny({ ...options, policies: stack });
        expect(second.seen.requests).toEqual(first.seen.requests);
        expect(second.seen.decisions).toEqual(first.seen.decisions);
      }),
      { numRuns: 300 },
    );
  });
});
