import { z } from 'zod';

/** The dimension of a quantity, named after the unit in which it is stored. */
type Dimension = 'bytes' | 'bytesPerSecond' | 'flopsPerSecond';

const decimal: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
const binary: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const factors = { ...decimal, ...binary };

const number = '(\\d+(?:\\.\\d+)?(?:e\\d+)?)';
const patterns: Readonly<Record<Dimension, RegExp>> = {
  bytes: new RegExp(`^${number} ?([kKMGT]|[KMGT]i)?(B)$`),
  bytesPerSecond: new RegExp(`^${number} ?([kKMGT]|[KMGT]i)?(B/s|bit/s|bps)$`),
  flopsPerSecond: new RegExp(`^${number} ?([kMGTP])?(FLOP/s|FLOPS)$`),
};

const examples: Readonly<Record<Dimension, string>> = {
  bytes: 'a size such as "80 GiB", or a number of bytes',
  bytesPerSecond: 'a rate such as "25 GB/s" or "200 Gbps", or a number of bytes per second',
  flopsPerSecond: 'a rate such as "312 TFLOP/s", or a number of operations per second',
};

/**
 * Converts a text with a unit to bytes, bytes per second or operations per second; undefined if it is not
 * such a quantity.
 */
export function parseQuantity(text: string, dimension: Dimension): number | undefined {
  const match = patterns[dimension].exec(text.trim());
  if (match === null) return undefined;
  const [, value, prefix = '', unit] = match;
  const bitsPerUnit = unit === 'bit/s' || unit === 'bps' ? 8 : 1;
  return (Number(value) * (factors[prefix] ?? 1)) / bitsPerUnit;
}

const unitNames: Readonly<Record<Dimension, string>> = {
  bytes: 'bytes',
  bytesPerSecond: 'bytes per second',
  flopsPerSecond: 'operations per second',
};

/** What a device or a link may have, far from what there is on either side. */
const bounds: Readonly<Record<Dimension, { readonly least: number; readonly most: number }>> = {
  bytes: { least: 0, most: 1e15 },
  bytesPerSecond: { least: 1e3, most: 1e18 },
  flopsPerSecond: { least: 1e6, most: 1e21 },
};

/** Schema that accepts a positive number or a text with a unit, and outputs the number. */
function quantitySchema(dimension: Dimension) {
  const { least, most } = bounds[dimension];
  const error = ({ input }: { readonly input?: unknown }) =>
    `${input === undefined ? 'is missing, ' : ''}expected ${examples[dimension]}`;
  return z
    .union([z.number().positive(), z.string().regex(patterns[dimension], { error })], { error })
    .transform((value) => (typeof value === 'number' ? value : (parseQuantity(value, dimension) ?? 0)))
    .refine((value) => value >= least && value <= most, {
      error: `must lie between ${least} and ${most} ${unitNames[dimension]}`,
    })
    .describe(examples[dimension]);
}

export const bytesSchema = quantitySchema('bytes').transform(Math.round);
export const bytesPerSecondSchema = quantitySchema('bytesPerSecond');
export const flopsPerSecondSchema = quantitySchema('flopsPerSecond');
