/** Arithmetic mean; undefined for empty input, never NaN or 0. */
export function mean(values: ArrayLike<number>): number | undefined {
  if (values.length === 0) return undefined;
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i] as number;
  return sum / values.length;
}

/** Sample standard deviation (n - 1); undefined for fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number | undefined {
  const average = mean(values);
  if (average === undefined || values.length < 2) return undefined;
  let squares = 0;
  for (let i = 0; i < values.length; i += 1) squares += ((values[i] as number) - average) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).toSorted();
}

/**
 * Quantile of *sorted* values by linear interpolation between order statistics (Hyndman-Fan type 7, the
 * default of NumPy and R), with `quantile` in [0, 1]; undefined for empty input.
 */
export function quantileOfSorted(values: ArrayLike<number>, quantile: number): number | undefined {
  if (values.length === 0) return undefined;
  const position = (values.length - 1) * quantile;
  const below = Math.floor(position);
  const low = values[below] as number;
  const high = values[Math.min(below + 1, values.length - 1)] as number;
  return low + (high - low) * (position - below);
}
