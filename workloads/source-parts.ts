import { z } from 'zod';
import { maxItems, maxSeconds, maxTokens } from '../harness/base/bounds.ts';

export const count = z.int().positive();
export const tokens = count.max(maxTokens);
export const rate = z.number().positive().max(1_000_000);
export const positiveS = z.number().positive().max(maxSeconds);
export const nonNegativeS = z.number().nonnegative().max(maxSeconds);

/** Keys of every source. */
export const common = {
  /** Name of the request class. */
  class: z.string().min(1).default('default'),
  /** Virtual time in seconds at which the source begins. */
  startS: nonNegativeS.default(0),
  /** Upper bound on the number of requests that the source plans. */
  numRequests: count.max(maxItems).optional(),
};
