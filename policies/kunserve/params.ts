import { z } from 'zod';

export const params = z.strictObject({
  /** Milliseconds between two polls for overload and for room to restore. */
  pollMs: z.number().min(0.1).default(100),
  /** Share of a group's KV blocks in use from which the group can count as overloaded. */
  overloadUsage: z.number().gt(0).max(1).default(0.95),
  /**
   * Share of the groups that must be overloaded; at least one always must. The authors' code acts on any
   * single vote and mentions one half in a comment.
   */
  quorum: z.number().min(0).max(1).default(0),
  /**
   * Number of consecutive polls that must find overload, so that one burst of arrivals is not enough. Memory
   * pressure on a running request acts at once.
   */
  sustainPolls: z.int().min(1).default(2),
  /** Largest number of instances in one pipeline. If undefined, the number of layers of the model. */
  maxStages: z.int().min(2).optional(),
  /**
   * How running requests continue after a drop: `exchange` (the paper), or `remote-attention` (its second
   * preprint).
   */
  transition: z.enum(['exchange', 'remote-attention']).default('exchange'),
  /** Number of requests whose KV is exchanged at the same time. */
  exchangeRequests: z.int().min(1).default(8),
  /**
   * Whether KV is exchanged in chunks, between which activations take precedence. Otherwise transfers are whole
   * and in order of request.
   */
  coordinated: z.boolean().default(true),
  /** Whether dropped parameters are restored at all. */
  restore: z.boolean().default(true),
  /**
   * Parameters are restored only below this usage, as a share of the KV memory that the cluster would have
   * without any drop.
   */
  restoreUsage: z.number().min(0).max(1).default(0.5),
  /** Milliseconds between two samples of the usage: the interval of load reports in the authors' code. */
  reportMs: z.number().min(0.1).default(500),
  /** Number of reports over which the usage must not have risen; 30 reports are 15 s in the authors' code. */
  trendReports: z.int().min(1).default(30),
  /**
   * Milliseconds that must pass after a drop, a restore or a cancelled restore before the next restore,
   * against oscillation. The paper leaves this open.
   */
  minDwellMs: z.number().min(0).default(5000),
  /**
   * What happens to a pipeline's running requests when it is split: their KV moves to a single instance
   * (`move-back`, the paper), or they end in the pipeline (`finish`, its code).
   */
  restoreRunning: z.enum(['finish', 'move-back']).default('move-back'),
  /**
   * Whether all queued work is divided into micro-batches of equal cost; otherwise each step's requests are
   * divided evenly.
   */
  lookahead: z.boolean().default(true),
  /**
   * Largest share of a micro-batch's time that its fixed cost (reading the weights, overhead) may take.
   * Together with the fitted cost it gives the fewest tokens of a micro-batch, which the paper profiles
   * offline and does not publish.
   */
  fixedCostShare: z.number().gt(0).lt(1).default(0.1),
  /**
   * Fewest tokens of a micro-batch, in place of `fixedCostShare`. The authors' code suggests 256 (A100) to
   * 512 (H100).
   */
  minTokens: z.int().min(1).optional(),
});
