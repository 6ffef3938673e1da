import { z } from 'zod';

export const params = z.strictObject({
  /** Period of the monitor that looks for overload and for room to restore. */
  pollMs: z.number().min(0.1).default(100),
  /** Share of a group's KV blocks in use from which it counts as overloaded. */
  overloadUsage: z.number().gt(0).max(1).default(0.95),
  /**
   * Share of the groups that must be overloaded, at least one: any vote is enough, as in the authors' code, where a half
   * stands in a comment.
   */
  quorum: z.number().min(0).max(1).default(0),
  /** Polls in a row that must see overload, so that one burst of arrivals is not enough. A running request that is about to lose its KV does not wait for them. */
  sustainPolls: z.int().min(1).default(2),
  /** Most instances in one pipeline; without it as many as the model has layers. */
  maxStages: z.int().min(2).optional(),
  /** What becomes of running requests after a drop: `exchange` (the paper), or `remote-attention` (its second preprint). */
  transition: z.enum(['exchange', 'remote-attention']).default('exchange'),
  /** Requests whose KV is exchanged at a time. */
  exchangeRequests: z.int().min(1).default(8),
  /** Whether activations go ahead of the chunks of an exchange. */
  coordinated: z.boolean().default(true),
  /** Whether parameters are ever put back. */
  restore: z.boolean().default(true),
  /** Share of the KV memory without drop that must be used less. */
  restoreUsage: z.number().min(0).max(1).default(0.5),
  /** Period of the load reports, in which the usage is sampled: that of the authors' code. */
  reportMs: z.number().min(0.1).default(500),
  /** Reports over which the usage must not have risen: 15 s in the authors' code. */
  trendReports: z.int().min(1).default(30),
  /** Time between a drop, a restore or its cancelling, and the next restore: against oscillation, which the paper leaves open. */
  minDwellMs: z.number().min(0).default(5000),
  /** What becomes of a pipeline's running requests when it is split: their KV moves to a single instance (the paper), or they end in the pipeline (its code). */
  restoreRunning: z.enum(['finish', 'move-back']).default('move-back'),
  /** Whether all queued work is cut into micro-batches of equal cost; otherwise each is an even share of the requests of a step. */
  lookahead: z.boolean().default(true),
  /**
   * Share of a micro-batch's time that may be fixed cost (reading the weights, overhead): with the fitted cost it gives the
   * fewest tokens of a micro-batch, which the paper profiles offline and does not publish.
   */
  fixedCostShare: z.number().gt(0).lt(1).default(0.1),
  /** Fewest tokens of a micro-batch, instead of by `fixedCostShare`; the code hints at 256 (A100) to 512 (H100). */
  minTokens: z.int().min(1).optional(),
});
