import { expect, test } from 'vitest';
import { asInstanceId, asRequestId } from '../../../harness/domain/ids.ts';
import type { MicroBatch, Stage } from '../../../harness/core/executor.ts';
import { TableExecutor } from './table-executor.ts';
import type { TimingTable } from './timing-table.ts';

const stage: Stage = {
  instanceId: asInstanceId(0),
  stageIndex: 0,
  layers: { first: 0, count: 4 },
  isFirst: true,
  isLast: true,
};

/** 5 ms and 50 us a prompt token; 10 ms and 1 us a token of KV. */
const table: TimingTable = {
  prefillTokens: [0, 1000],
  prefillMs: [5, 55],
  decodeKvTokens: [0, 100_000],
  decodeContextTokens: [0, 100_000],
  decodeMs: [
    [10, 10],
    [110, 110],
  ],
};

type Entry = {
  readonly id: number;
  readonly past: number;
  readonly count: number;
  readonly samples: boolean;
};

function batchOf(entries: readonly Entry[]): MicroBatch {
  return {
    id: 0,
    size: entries.length,
    requestIds: entries.map(({ id }) => asRequestId(id)),
    numTokens: entries.map(({ count }) => count),
    pastTokens: entries.map(({ past }) => past),
    samples: entries.map(({ samples }) => (samples ? 1 : 0)),
    totalTokens: 0,
    attentionPairs: 0,
    contextTokens: 0,
    decodeContextTokens: 0,
    numRemote: 0,
    placements: [],
    remote: [],
  };
}

const prompts = [1000, 3000];

// Times that ai-dynamo 1.4.2 has charged for these two prompts, which arrived one after the other.
test.each<[string, readonly Entry[], number]>([
  ['a whole prompt and its first token', [{ id: 0, past: 0, count: 1000, samples: true }], 66_008],
  [
    'a decode and a chunk',
    [
      { id: 0, past: 1000, count: 1, samples: true },
      { id: 1, past: 0, count: 2047, samples: false },
    ],
    120_406,
  ],
  [
    'a decode and the end of a prompt',
    [
      { id: 0, past: 1001, count: 1, samples: true },
      { id: 1, past: 2047, count: 953, samples: true },
    ],
    66_666,
  ],
])('charges %s', (_, entries, expectedUs) => {
  expect(new TableExecutor(table, 16, prompts).runStage(batchOf(entries), stage)).toBe(expectedUs);
});

test('a chunk alone costs no decode', () => {
  const batch = batchOf([{ id: 1, past: 0, count: 2000, samples: false }]);
  expect(new TableExecutor(table, 16, prompts).runStage(batch, stage)).toBe(105_000);
});

test('what a preempted request had generated is computed again at no charge', () => {
  const again = batchOf([{ id: 0, past: 0, count: 1040, samples: true }]);
  const generated = batchOf([{ id: 0, past: 1000, count: 40, samples: true }]);
  const executor = new TableExecutor(table, 16, prompts);
  expect(executor.runStage(again, stage)).toBe(55_000 + 11_040);
  expect(executor.runStage(generated, stage)).toBe(11_040);
});

test('several prompts enter as whole-number means', () => {
  const batch = batchOf([
    { id: 0, past: 0, count: 1000, samples: false },
    { id: 1, past: 0, count: 1001, samples: false },
  ]);
  expect(new TableExecutor(table, 16, prompts).runStage(batch, stage)).toBe(105_000);
});

test('step ends do not drift by rounding', () => {
  // 10 ms and 1.008 us for the KV.
  const cheapKv = {
    ...table,
    decodeMs: [
      [10, 10],
      [10.1, 10.1],
    ],
  };
  const executor = new TableExecutor(cheapKv, 16, prompts);
  const batch = batchOf([{ id: 0, past: 1000, count: 1, samples: true }]);
  let endUs = 0;
  for (let step = 0; step < 1000; step += 1) endUs += executor.runStage(batch, stage);
  expect(endUs).toBe(10_001_008);
});
