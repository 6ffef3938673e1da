import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { RequestClass } from '../../harness/core/workload.ts';
import type { DispatchDecision, Policy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

const { recompute } = policies;

const classes: readonly RequestClass[] = [
  { name: 'batch', priority: 0, slo: {} },
  { name: 'interactive', priority: 1, slo: {} },
];

const hold: DispatchDecision = { kind: 'hold', reason: 'not yet' };
const here: DispatchDecision = { kind: 'dispatch', groupId: 0, reason: 'now' };

function run(policy: Policy, classOf: (id: number) => string, count = 6) {
  return runTiny({
    specs: Array.from({ length: count }, (_, id) => ({
      ...request(id, id * 100, 8, 4),
      className: classOf(id),
    })),
    classes,
    policies: [{ ...policyOf(policy), capabilities: { dispatches: true } }, recompute],
    blocks: 60,
  }).seen;
}

describe('requests held at the cluster', () => {
  it('are placed by priority, then in order of arrival, however often they are held again', () => {
    const placed: number[] = [];
    let isOpen = false;
    run(
      {
        dispatch: ({ id }) => {
          // Every other one is held twice as long: that must not change their order.
          if (!isOpen || (id % 2 === 1 && placed.length < 3)) return hold;
          placed.push(id);
          return here;
        },
        tickUs: 1000,
        onTick: ({ nowUs }) => {
          isOpen = nowUs >= 2000;
          return [];
        },
      },
      (id) => (id < 3 ? 'batch' : 'interactive'),
    );
    expect(placed).toEqual([4, 0, 2, 3, 5, 1]);
  });

  it('are asked about one a class, when nothing of the class can be placed', () => {
    let numAsked = 0;
    let isOpen = false;
    const seen = run(
      {
        dispatch: () => {
          numAsked += 1;
          return isOpen ? here : { ...hold, scope: 'class' };
        },
        tickUs: 1000,
        onTick: ({ nowUs, held }) => {
          if (nowUs === 3000) expect(held.ofClass('batch')).toHaveLength(20);
          if (nowUs > 3000 && nowUs <= 13_000) expect(numAsked).toBeLessThanOrEqual(20 + nowUs / 1000);
          isOpen = nowUs >= 13_000;
          return [];
        },
      },
      () => 'batch',
      20,
    );
    expect(seen.requests.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, id) => id),
    );
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });

  it('are told of before they are asked about', () => {
    const told: string[] = [];
    run(
      {
        dispatch: ({ id }) => {
          told.push(`ask ${id}`);
          return here;
        },
        onEvent: (event, view) => {
          if (event.kind === 'requestArrived') {
            told.push(`${event.kind} ${event.requestId}`);
            expect(view.request(event.requestId)?.status).toEqual({ kind: 'held' });
          }
          return [];
        },
      },
      () => 'batch',
      2,
    );
    expect(told).toEqual(['requestArrived 0', 'ask 0', 'requestArrived 1', 'ask 1']);
  });
});
