import type { Rng } from '../harness/base/rng.ts';

/** Distribution of the gaps between arrivals, before they are scaled to the rate. */
export type Gaps = { readonly dist: 'poisson' } | { readonly dist: 'gamma'; readonly cv: number };

/** A period of constant arrival rate. */
export interface RateSegment {
  /** End of the period in seconds; `Infinity` for the last one. */
  readonly untilS: number;
  /** Arrivals per second, above 0. */
  readonly rate: number;
}

/**
 * Generates arrival times in seconds, without end if the last segment has none. Gaps of mean 1 are drawn in
 * operational time and mapped through the integral of the rate. Poisson gaps then give an exact inhomogeneous
 * Poisson process, and gamma gaps keep their coefficient of variation at every rate.
 */
export function* arrivalTimes(gaps: Gaps, segments: Iterable<RateSegment>, rng: Rng): Generator<number> {
  const drawGap = createGapSampler(gaps, rng);
  let timeS = 0;
  let gap = drawGap();
  for (const segment of segments) {
    for (;;) {
      const capacity = segment.rate * (segment.untilS - timeS);
      if (gap >= capacity) {
        gap -= capacity;
        timeS = segment.untilS;
        break;
      }
      timeS += gap / segment.rate;
      yield timeS;
      gap = drawGap();
    }
  }
}

export function constantRate(rate: number): readonly RateSegment[] {
  return [{ untilS: Infinity, rate }];
}

/**
 * Returns a sampler of gaps with mean 1. A gamma gap has shape 1/cv^2; cv 1 gives Poisson arrivals, cv 0
 * equal gaps.
 */
export function createGapSampler(gaps: Gaps, rng: Rng): () => number {
  if (gaps.dist === 'poisson') return () => rng.exponential();
  if (gaps.cv === 0) return () => 1;
  const shape = 1 / gaps.cv ** 2;
  return () => sampleGamma(shape, rng) / shape;
}

/**
 * Draws a gamma variate of scale 1 by the method of Marsaglia and Tsang, "A simple method for generating
 * gamma variables" (ACM TOMS 2000), with their power transform for shapes below 1.
 */
export function sampleGamma(shape: number, rng: Rng): number {
  if (shape < 1) {
    const boost = (1 - rng.uniform()) ** (1 / shape);
    return sampleGamma(shape + 1, rng) * boost;
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = rng.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && rng.exponential() > -(x ** 2 / 2 + d - d * v + d * Math.log(v))) return d * v;
  }
}
