import { expect, test } from 'vitest';
import { rowOf } from './tally.ts';
import { trialsOf } from './trials.ts';
import { truthOf } from './truths.ts';

/** Two loads of the study, with fewer seeds: enough to notice when intervals or verdicts go wrong. */
const size = { numTrialSeeds: 6, numFurtherSeeds: 30, numFurtherTaken: 30, numTruthSeeds: 30 };

test('verdicts from few measured and many simulated seeds are right as often as they claim', async () => {
  const trials = [];
  for (const index of [1, 6]) trials.push(...(await trialsOf(await truthOf(index), `load ${index}`, size)));
  for (const metric of ['p99_ttft_ms', 'p50_tpot_ms', 'slo_attainment', 'instance_seconds'] as const) {
    const { coverage, falseFamilies, wrongWay } = rowOf(trials, metric, 1);
    expect([metric, coverage > 0.88, falseFamilies < 0.15, wrongWay < 0.03]).toEqual([
      metric,
      true,
      true,
      true,
    ]);
  }
}, 120_000);
