import { expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { Policy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

const { recompute, 'round-robin': roundRobin } = policies;
const requestId = asRequestId(0);
const reason = 'script';

/** Swaps request 0 out after its first tokens and in again at once; `onBack` is asked when it has come back. */
function swapping(onBack: NonNullable<Policy['onEvent']>): Policy {
  return {
    tickUs: 20_000,
    onTick: ({ nowUs }) => (nowUs === 20_000 ? [{ kind: 'preempt', requestId, mode: 'swap', reason }] : []),
    onEvent: (event, view) => {
      if (event.kind === 'swapOutDone') return [{ kind: 'swapIn', requestId, reason }];
      return event.kind === 'swapInDone' ? onBack(event, view) : [];
    },
  };
}

/** Requests 0 and 2 share instance 0, whose steps go on while 0 is away. */
function run(policy: Policy, more: Partial<TinyRun> = {}) {
  const { seen } = runTiny({
    specs: [request(0, 0, 100, 40), request(1, 0, 10, 5), request(2, 0, 10, 150)],
    policies: [policyOf(policy), roundRobin, recompute],
    numInstances: 2,
    blocks: 40,
    ...more,
  });
  return seen.requests.find(({ id }) => id === 0);
}

it('giving up a request that is back from host memory counts again, whether or not it has been in a step', () => {
  const again = { kind: 'preempt', requestId, mode: 'recompute', reason } as const;
  expect(run(swapping(() => []))).toMatchObject({ status: 'finished', numPreemptions: 1, numSwaps: 1 });
  expect(run(swapping(() => [again]))).toMatchObject({ status: 'finished', numPreemptions: 2, numSwaps: 1 });
});

it('so does losing it with its instance', () => {
  let backAtUs = 0;
  const watching = swapping((_event, { nowUs }) => {
    backAtUs = nowUs;
    return [];
  });
  run(watching);
  const faults = [{ instance: 0, atUs: backAtUs }];
  const lost = run(watching, { faults });
  expect(lost).toMatchObject({ status: 'finished', numPreemptions: 2, numSwaps: 1 });
});

it('losing its copy in host memory is part of the preemption that brought it there', () => {
  let leftAtUs = 0;
  const staying: Policy = {
    ...swapping(() => []),
    onEvent: ({ kind }, { nowUs }) => {
      if (kind === 'swapOutDone') leftAtUs = nowUs;
      return [];
    },
  };
  run(staying, { maxDurationUs: 60_000 });
  const lost = run(staying, { faults: [{ instance: 0, atUs: leftAtUs + 1000 }] });
  expect(lost).toMatchObject({ status: 'finished', numPreemptions: 1, numSwaps: 1 });
});
