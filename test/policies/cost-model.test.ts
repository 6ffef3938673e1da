import { describe, expect, it } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import type { StageTiming } from '../../harness/policy/index.ts';
import { CostModel } from '../../policies/kunserve/cost-model.ts';

const truth = { alpha: 0.002, beta: 3, perChunk: 5, lambda: 40 };

/** Stages whose layers take exactly what the formula says. */
function timings(count: number): StageTiming[] {
  const rng = createRng(7, 'policy');
  return Array.from({ length: count }, () => {
    const numEntries = 1 + rng.integer(8);
    let totalTokens = 0;
    let attentionPairs = 0;
    for (let entry = 0; entry < numEntries; entry += 1) {
      const past = rng.integer(3000);
      const tokens = 1 + rng.integer(500);
      totalTokens += tokens;
      attentionPairs += past * tokens + (tokens * (tokens + 1)) / 2;
    }
    const numLayers = 1 + rng.integer(40);
    const layerUs =
      truth.alpha * attentionPairs + truth.beta * totalTokens + truth.perChunk * numEntries + truth.lambda;
    return {
      numLayers,
      isLast: false,
      numEntries,
      totalTokens,
      decodeTokens: 0,
      attentionPairs,
      contextTokens: 0,
      durationUs: numLayers * layerUs,
    };
  });
}

function fitted(samples: readonly StageTiming[]): CostModel {
  const model = new CostModel();
  for (const timing of samples) model.observe(timing);
  return model;
}

describe('cost model', () => {
  it('finds the coefficients that produced the timings', () => {
    const { alpha_us, beta_us, gamma_us, lambda_us } = fitted(timings(800)).stats();
    expect(alpha_us).toBeCloseTo(truth.alpha, 5);
    expect(beta_us).toBeCloseTo(truth.beta, 3);
    expect(gamma_us).toBeCloseTo(truth.perChunk + truth.lambda, 1);
    expect(lambda_us).toBeCloseTo(truth.lambda, 1);
  });

  it('predicts held-out stages, which a fit without attention does not', () => {
    const stats = fitted(timings(800)).stats();
    expect(stats['fit_samples']).toBe(700);
    expect(stats['fit_held_out']).toBeGreaterThan(90);
    expect(stats['fit_error']).toBeLessThan(0.001);
    expect(stats['fit_error_without_attention']).toBeGreaterThan(0.05);
  });

  it('judges by stages that it has not learned from', () => {
    // Every eighth takes ten times as long: a model that had seen them could not be so wrong about them.
    const samples = timings(800).map((timing, index) => {
      return (index + 1) % 8 === 0 ? { ...timing, durationUs: 10 * timing.durationUs } : timing;
    });
    expect(fitted(samples).stats()['fit_error']).toBeCloseTo(0.9, 3);
  });

  it('knows nothing before there are enough samples, and learns nothing from decode steps', () => {
    const decodes = timings(800).map((timing) => ({ ...timing, decodeTokens: timing.totalTokens }));
    for (const model of [fitted([]), fitted(timings(20)), fitted(decodes)]) {
      expect(model.chunkCost).toBeUndefined();
      expect(model.stats()).toMatchObject({ fit_error: null, alpha_us: null, gamma_us: null });
    }
    expect(fitted(timings(100)).chunkCost).toBeDefined();
  });

  it('copes with samples that are all alike, and with one feature only', () => {
    const [one] = timings(1) as [StageTiming];
    const alike = fitted(Array.from({ length: 200 }, () => one));
    expect(alike.stats()['fit_error']).toBeLessThan(1e-6);
    for (const value of Object.values(alike.stats())) expect(Number.isFinite(value)).toBe(true);
  });
});
