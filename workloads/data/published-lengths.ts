/** A distribution of lengths given by its quantiles, in the form of `dist: empirical`. */
interface Quantiles {
  /** Length in tokens by level; levels are from 0 to 1. */
  readonly quantiles: Readonly<Record<string, number>>;
  /** Interpolation between two quantiles: linear in the length or in its logarithm. */
  readonly between: 'linear' | 'log';
}

interface PublishedLengths {
  readonly promptTokens: Quantiles;
  readonly outputTokens: Quantiles;
}

export const publishedNames = [
  'llumnix-sharegpt',
  'llumnix-burstgpt',
  'llumnix-short',
  'llumnix-medium',
  'llumnix-long',
] as const;

/** Builds quantiles from the shortest length, P50, P80, P95, P99 and the longest length, in tokens. */
function percentiles(
  [shortest, p50, p80, p95, p99, longest]: readonly [number, number, number, number, number, number],
  between: Quantiles['between'],
): Quantiles {
  return { quantiles: { 0: shortest, 0.5: p50, 0.8: p80, 0.95: p95, 0.99: p99, 1: longest }, between };
}

/**
 * Llumnix's generated lengths: power laws with means 128, 256 and 512 and a maximum of 6K tokens, the same
 * for prompts and answers.
 */
const powerLaws = {
  short: percentiles([1, 38, 113, 413, 1464, 6144], 'log'),
  medium: percentiles([1, 32, 173, 1288, 4208, 6144], 'log'),
  long: percentiles([1, 55, 582, 3113, 5166, 6144], 'log'),
};

/**
 * Lengths from papers whose traces are not public, by the percentiles that they print: Llumnix (OSDI 2024),
 * table 1. The shortest and longest lengths of the two real traces are not printed; they and the
 * interpolation were chosen so that the mean equals the printed one (prompts 306 and 830, answers 500 and
 * 271).
 */
export const publishedLengths: Readonly<Record<(typeof publishedNames)[number], PublishedLengths>> = {
  'llumnix-sharegpt': {
    promptTokens: percentiles([1, 74, 348, 1484, 3388, 4096], 'log'),
    outputTokens: percentiles([1, 487, 781, 988, 1234, 1500], 'linear'),
  },
  'llumnix-burstgpt': {
    promptTokens: percentiles([60, 582, 1427, 2345, 3549, 4096], 'log'),
    outputTokens: percentiles([16, 243, 434, 669, 964, 2048], 'log'),
  },
  'llumnix-short': { promptTokens: powerLaws.short, outputTokens: powerLaws.short },
  'llumnix-medium': { promptTokens: powerLaws.medium, outputTokens: powerLaws.medium },
  'llumnix-long': { promptTokens: powerLaws.long, outputTokens: powerLaws.long },
};
