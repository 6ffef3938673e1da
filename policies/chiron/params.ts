import { z } from 'zod';

/**
 * Whatever the sources on Chiron (arXiv 2501.08090, the authors' article on the IBM Research blog,
 * re-implementations) leave open or state differently is a parameter. "Not published" marks defaults that
 * were chosen here.
 */
export const params = z.strictObject({
  /** Names of the batch classes. If undefined, `interactiveTtftS` decides. */
  batchClasses: z.array(z.string()).optional(),
  /**
   * Classes with a TTFT target of at most this many seconds are interactive; the others, including those
   * without a target, are batch. The paper contrasts seconds with minutes to hours.
   */
  interactiveTtftS: z.number().positive().default(60),
  /**
   * Seconds after its arrival by which a batch request must have its first token, if its class has no TTFT
   * target. Not published.
   */
  batchDeadlineS: z.number().positive().default(3600),

  /** Whether each instance's batch size is adapted; if false, the engine's limit stays. */
  local: z.boolean().default(true),
  /** Milliseconds between two measurements of every instance. Not published. */
  windowMs: z.number().positive().default(1000),
  /**
   * How the batch size B grows at a back-pressure p below 1; the sources disagree. `multiplicative`: to alpha
   * * B / p + (1 - alpha) * B, where alpha smooths, as in the paper; `additive`: by alpha / p.
   */
  increase: z.enum(['multiplicative', 'additive']).default('multiplicative'),
  alpha: z.number().gt(0).max(1).default(0.5),
  /** Relative fall of throughput that is still regarded as noise and not as back-pressure. Not published. */
  throughputTolerance: z.number().min(0).lt(1).default(0.1),
  /** Weight of the latest window in the smoothed throughput. Not published. */
  throughputSmoothing: z.number().gt(0).max(1).default(0.5),
  /** Lower bound of the batch size. */
  minBatch: z.int().min(1).default(1),
  /** Initial batch size. If undefined, the engine's own limit, which is also the upper bound. */
  initialBatch: z.int().min(1).optional(),

  /** Whether instances are started, drained and given other roles. */
  global: z.boolean().default(true),
  /**
   * Seconds between two decisions about instances. If undefined, the mean start-up time of an instance, as in
   * the paper.
   */
  intervalS: z.number().min(0.001).optional(),
  /**
   * Theta: the target share of interactive and mixed instances that are busy, the inverse of the factor by
   * which load can rise while an instance starts. The paper's example is a burst of factor 3; SageServe's
   * port has 0.6.
   */
  theta: z
    .number()
    .gt(0)
    .max(1)
    .default(1 / 3),
  /**
   * How busy instances are counted: whole `instances` with at least one interactive request, or the
   * `fraction` of their batch size that interactive requests take.
   */
  busy: z.enum(['instances', 'fraction']).default('instances'),
  /**
   * Whether each decision goes straight to the number that Theta asks for (`target`) or changes it by `one`
   * instance.
   */
  step: z.enum(['target', 'one']).default('target'),
  /**
   * Number of consecutive decisions that must ask for fewer instances before any is drained; the highest of
   * their numbers is used. Not published.
   */
  scaleInAfter: z.int().min(1).default(2),
  /** Lower bound of interactive and mixed instances together. */
  minInstances: z.int().min(1).default(1),
  /**
   * Instances that serve interactive requests only; the rest of the pool, at least one, is mixed. Not
   * published.
   */
  interactiveInstances: z.int().min(0).default(1),
  /**
   * Instances that serve batch requests only: the number at the start, and at all times without
   * `batchPressure`. Not published.
   */
  batchInstances: z.int().min(0).default(0),
  /**
   * Whether instances are started for batch requests that would miss their deadline, and released once none
   * waits.
   */
  batchPressure: z.boolean().default(true),
  /**
   * Width in seconds of the span of deadlines that forms one deadline group. If undefined, `intervalS`, since
   * decisions cannot distinguish deadlines within an interval. Not published.
   */
  deadlineGroupS: z.number().positive().optional(),
  /**
   * Number of standard deviations above the mean at which the waiting tokens are estimated, by the central
   * limit theorem over answer lengths; 1.645 is exceeded in one case of twenty. The paper's confidence is not
   * published.
   */
  waitDeviations: z.number().min(0).default(1.645),

  /**
   * Share of an instance's KV blocks up to which requests are sent there; the rest is left for their growth.
   * Not published.
   */
  fillShare: z.number().gt(0).max(1).default(0.8),
  /** Share of an instance's KV blocks that must stay free after a swap-in. Not published. */
  returnHeadroom: z.number().min(0).lt(1).default(0.05),
});

export type Params = z.output<typeof params>;
