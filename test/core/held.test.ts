import { describe, expect, it, vi } from 'vitest';
import { Deque } from '../../harness/base/deque.ts';
import { asGroupId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { RequestClass } from '../../harness/domain/workload.ts';
import type { Decision, DispatchDecision, Policy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';
import { decide, scripted } from './scripted.ts';

const { recompute } = policies;

const classes: readonly RequestClass[] = [
  { name: 'batch', priority: 0, slo: {} },
  { name: 'interactive', priority: 1, slo: {} },
];

const hold: DispatchDecision = { kind: 'hold', reason: 'not yet' };
const here: DispatchDecision = { kind: 'dispatch', groupId: asGroupId(0), reason: 'now' };

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

  it('are all in the view while one of them is asked about', () => {
    const numHeld: number[] = [];
    run(
      {
        dispatch: ({ id }, { nowUs, held }) => {
          if (nowUs < 1000) return hold;
          numHeld.push(held.length);
          expect([...held].map((each) => each.id)).toContain(id);
          return nowUs < 2000 ? hold : here;
        },
        tickUs: 1000,
        onTick: () => [],
      },
      (id) => (id < 3 ? 'batch' : 'interactive'),
    );
    expect(numHeld).toEqual([6, 6, 6, 6, 6, 6, 6, 5, 4, 3, 2, 1]);
  });

  it('that have lost their place come before those that have arrived after them', () => {
    const placed: number[] = [];
    const { seen } = runTiny({
      // Request 0 runs in group 1, requests 1 and 2 wait there, those after them are held.
      specs: Array.from({ length: 6 }, (_, id) => request(id, id * 100, 100, id === 0 ? 60 : 4)),
      policies: [
        scripted([decide(1000, { kind: 'drain', groupId: 1, reason: 'script' })]),
        policyOf({
          dispatch: ({ id }, { nowUs }) => {
            if (nowUs < 1000)
              return id >= 3 ? hold : { kind: 'dispatch', groupId: asGroupId(1), reason: 'first' };
            placed.push(id);
            return here;
          },
        }),
        recompute,
      ],
      numInstances: 2,
      blocks: 14,
      maxBatchTokens: 20,
    });
    expect(placed).toEqual([1, 2, 3, 4, 5]);
    expect(seen.requests.every(({ status }) => status === 'finished')).toBe(true);
  });
});

/** Request 2 runs for a moment, 0 and 1 are held; at its end one of these is rejected, and that lets the other in. */
function rejecting(rejectedId: number): ReadonlyMap<number, string> {
  const open: Decision = { kind: 'setRole', groupId: asGroupId(0), role: 'open', reason: 'test' };
  const { seen } = runTiny({
    specs: [request(2, 0, 16, 4), request(0, 10, 16, 4), request(1, 20, 16, 4)],
    policies: [
      {
        ...policyOf({
          dispatch: ({ id }, { nowUs, groups }) => {
            if (id === 2 || groups[0]?.role === 'open') return here;
            return id === rejectedId && nowUs > 1000 ? { kind: 'reject', reason: 'late' } : hold;
          },
          onEvent: (event) => (event.kind === 'requestEnded' && event.requestId === rejectedId ? [open] : []),
        }),
        capabilities: { dispatches: true },
      },
      recompute,
    ],
  });
  return new Map(seen.requests.map(({ id, status }) => [id, status]));
}

describe('what a rejection changes while held requests are asked about', () => {
  it.each([0, 1])('has the others asked about again (request %i is rejected)', (rejectedId) => {
    const statuses = rejecting(rejectedId);
    expect(statuses.get(rejectedId)).toBe('rejected');
    expect(statuses.get(1 - rejectedId)).toBe('finished');
  });

  it('goes for a drain that is taken back: its group is dispatched to at once', () => {
    let endedUs = 0;
    const { seen } = runTiny({
      // Request 3 keeps group 1, which drains, alive.
      specs: [request(3, 0, 16, 40), request(0, 10, 16, 4), request(1, 20, 16, 4), request(2, 30, 16, 4)],
      policies: [
        {
          ...policyOf({
            dispatch: ({ id }, { nowUs, groups }) => {
              if (id === 3) return { kind: 'dispatch', groupId: asGroupId(1), reason: 'to keep it' };
              if (id === 2) return here;
              if (id === 1 && nowUs > 1000) return { kind: 'reject', reason: 'late' };
              const isOpen = endedUs > 0 && groups[1]?.acceptsRequests === true;
              return isOpen ? { kind: 'dispatch', groupId: asGroupId(1), reason: 'open' } : hold;
            },
            onEvent: (event, { nowUs }) => {
              if (event.kind === 'requestArrived' && event.requestId === 0)
                return [{ kind: 'drain', groupId: asGroupId(1), reason: 'test' }];
              if (event.kind !== 'requestEnded' || event.requestId !== 1) return [];
              endedUs = nowUs;
              return [{ kind: 'cancelDrain', groupId: asGroupId(1), reason: 'test' }];
            },
          }),
          capabilities: { dispatches: true, scales: true },
        },
        recompute,
      ],
      numInstances: 2,
    });
    const placed = seen.decisions.find(({ kind, data }) => kind === 'dispatch' && data['requestId'] === 0);
    expect(endedUs).toBeGreaterThan(1000);
    expect(placed).toMatchObject({ timeUs: endedUs, outcome: 'applied' });
  });
});

/** How often a queue is looked into while so many arrive, of which every other one is rejected, and at the end of the run. */
function numLooks(count: number): number {
  const look = vi.spyOn(Deque.prototype, 'at');
  const { seen } = runTiny({
    specs: Array.from({ length: count }, (_, id) => request(id, id, 16, 4)),
    policies: [
      policyOf({
        // Where a policy ticks, time goes on although nothing else happens.
        tickUs: 2 * count,
        onTick: () => [],
        dispatch: ({ id }) =>
          id % 2 === 1 ? { kind: 'reject', reason: 'odd' } : { ...hold, scope: 'class' },
      }),
      recompute,
    ],
    checkEvery: 0,
    maxDurationUs: count,
  });
  const numCalls = look.mock.calls.length;
  look.mockRestore();
  expect(seen.requests.filter(({ status }) => status === 'rejected')).toHaveLength(count / 2);
  return numCalls;
}

describe('many held requests', () => {
  it('cost each as much as few do, also when others are rejected', () => {
    expect(numLooks(4000)).toBeLessThan(2.5 * numLooks(2000));
  });
});
