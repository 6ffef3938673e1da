import { expect, test } from 'vitest';
import { asInstanceId } from '../../harness/domain/ids.ts';
import { costOfCounts } from '../../harness/domain/stage-profile.ts';
import { madeBatch } from '../../harness/executors/made-batch.ts';
import { ProfiledCost } from '../../harness/executors/profiled-cost.ts';
import { stageCounts } from '../../harness/executors/stage-counts.ts';
import { PagedKv } from '../../harness/model/paged-kv.ts';
import { StepPlan } from '../../harness/model/step-plan.ts';
import { profileWith } from '../calibration/profiles.ts';
import * as fc from '../fast-check.ts';
import { ops } from '../model/support.ts';

const geometry = { numKvHeads: 2, headDim: 8, blockSizeTokens: 4 };
const kv = new PagedKv(ops, geometry, 8);

const entry = fc.oneof(
  fc.record({ numTokens: fc.constant(1), pastTokens: fc.integer({ min: 1, max: 400 }) }),
  fc.record({ numTokens: fc.integer({ min: 2, max: 600 }), pastTokens: fc.nat(200) }),
);

test('what the simulator counts is what the plan of the real step has', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      (entries, count) => {
        const batch = madeBatch(entries);
        const stage = { instanceId: asInstanceId(0), layers: { first: 0, count }, isLast: true };
        const counts = stageCounts(batch, stage, geometry);
        const plan = new StepPlan(
          ops,
          entries.map((given, requestId) => ({ ...given, requestId })),
          { kv, layer: 0 },
        );
        const sum = (amount: (group: (typeof plan.groups)[number]) => number) =>
          plan.groups.reduce((total, group) => total + amount(group), 0);
        const gatheredOf = (group: (typeof plan.groups)[number]) => group.pieces.length * group.numBlocks * 4;
        expect(counts).toEqual({
          stage: 1,
          entry: entries.length,
          token: plan.totalTokens,
          pair: sum((group) => group.mask.shape.reduce((product, size) => product * size, 1)),
          head: 1,
          sample: entries.length,
          layer: count,
          layerToken: count * plan.totalTokens,
          layerGroup: count * plan.groups.length,
          layerPrompt: plan.groups.some(({ numTokens }) => numTokens > 1) ? count : 0,
          layerPromptGroup: count * plan.groups.filter(({ numTokens }) => numTokens > 1).length,
          layerGathered: count * sum(gatheredOf),
          layerPair: count * sum((group) => gatheredOf(group) * group.numTokens),
        });
        plan.dispose();
      },
    ),
  );
});

test('attention on the KV of other instances is counted where it is computed', () => {
  const entries = [
    { numTokens: 1, pastTokens: 7 },
    { numTokens: 1, pastTokens: 7 },
  ];
  const elsewhere = [
    { instanceId: asInstanceId(1), layers: { first: 0, count: 1 } },
    { instanceId: asInstanceId(0), layers: { first: 1, count: 3 } },
  ];
  const batch = { ...madeBatch(entries), numRemote: 1, placements: [undefined, elsewhere] };
  const stage = { instanceId: asInstanceId(0), layers: { first: 0, count: 4 }, isLast: false };
  const counts = stageCounts(batch, stage, geometry);
  // One of the entries in all four layers, the other in three.
  expect(counts.layerGathered).toBe(4 * 8 + 3 * 8);
  expect(counts).toMatchObject({ head: 0, sample: 0, layer: 4, entry: 2, layerGroup: 4 });
});

test('a stage costs the sum of its terms, at least a microsecond', () => {
  const batch = madeBatch([{ numTokens: 1, pastTokens: 30 }]);
  const stage = {
    instanceId: asInstanceId(0),
    stageIndex: 0,
    layers: { first: 0, count: 4 },
    isFirst: true,
    isLast: true,
  };
  const profile = profileWith({ stage: 10, layer: 100, layerGathered: 0.5, head: 3 });
  expect(new ProfiledCost(profile).stageUs(batch, stage)).toBe(10 + 400 + 4 * 32 * 0.5 + 3);
  expect(new ProfiledCost(profileWith({})).stageUs(batch, stage)).toBe(1);
  expect(costOfCounts(profile.costsUs, stageCounts(batch, stage, geometry))).toBeGreaterThan(0);
});
