import type { Rng } from '../harness/base/rng.ts';

/** Distribution of the gaps between arrivals, before they are scaled to the rate. */
export type Gaps =
  | { readonly dist: 'poisson' }
  | { readonly dist: 'gamma'; readonly cv: number }
  | { readonly dist: 'weibull'; readonly shape: number };

/** A period of constant arrival rate, or of one that changes linearly. */
export interface RateSegment {
  /** End of the period in seconds; `Infinity` for the last one. */
  readonly untilS: number;
  /** Arrivals per second, above 0; for a linear period the rate at its start, which may be 0. */
  readonly rate: number;
  /** The rate at the end of a linear period, which is finite. */
  readonly endRate?: number;
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
    const pace = paceOf(segment, timeS);
    for (;;) {
      const capacity = pace.capacityFrom(timeS);
      if (gap >= capacity) {
        gap -= capacity;
        timeS = segment.untilS;
        break;
      }
      timeS += pace.timeOf(gap, timeS);
      yield timeS;
      gap = drawGap();
    }
  }
}

/** The integral of the rate over a period, and its inverse. */
interface Pace {
  /** How many mean gaps fit from this time to the end of the period. */
  capacityFrom(timeS: number): number;
  /** How long it takes from this time until so many mean gaps have passed. */
  timeOf(gaps: number, timeS: number): number;
}

function paceOf({ untilS, rate, endRate }: RateSegment, startS: number): Pace {
  if (endRate === undefined) {
    return { capacityFrom: (timeS) => rate * (untilS - timeS), timeOf: (gaps) => gaps / rate };
  }
  const slope = (endRate - rate) / (untilS - startS);
  const rateAt = (timeS: number) => rate + slope * (timeS - startS);
  return {
    capacityFrom: (timeS) => ((rateAt(timeS) + endRate) / 2) * (untilS - timeS),
    timeOf: (gaps, timeS) => {
      const now = rateAt(timeS);
      // The root of now * x + slope * x^2 / 2 = gaps, in the form that does not cancel where the slope is small.
      return (2 * gaps) / (now + Math.sqrt(Math.max(0, now ** 2 + 2 * slope * gaps)));
    },
  };
}

export function constantRate(rate: number): readonly RateSegment[] {
  return [{ untilS: Infinity, rate }];
}

/**
 * Returns a sampler of gaps with mean 1. A gamma gap has shape 1/cv^2; cv 1 gives Poisson arrivals, cv 0
 * equal gaps. A Weibull gap of shape 1 is Poisson's; a smaller shape gives bursts.
 */
export function createGapSampler(gaps: Gaps, rng: Rng): () => number {
  if (gaps.dist === 'poisson') return () => rng.exponential();
  if (gaps.dist === 'weibull') {
    const scale = 1 / gammaFunction(1 + 1 / gaps.shape);
    return () => scale * rng.exponential() ** (1 / gaps.shape);
  }
  if (gaps.cv === 0) return () => 1;
  const shape = 1 / gaps.cv ** 2;
  return () => sampleGamma(shape, rng) / shape;
}

/** Lanczos' coefficients for g = 7, of W. H. Press et al., "Numerical Recipes", 3rd edition, in the form of P. Godfrey. */
const lanczos: readonly number[] = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1_259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_59, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
];

/** Returns the gamma function of a number of at least 1. */
export function gammaFunction(x: number): number {
  const [first = 1, ...rest] = lanczos;
  const series = rest.reduce((sum, coefficient, index) => sum + coefficient / (x + index), first);
  const t = x + 6.5;
  return Math.sqrt(2 * Math.PI) * t ** (x - 0.5) * Math.exp(-t) * series;
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
