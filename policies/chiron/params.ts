import { z } from 'zod';

/**
 * What the sources on Chiron (arXiv 2501.08090; its authors' article on the IBM Research blog; re-implementations)
 * leave open or state differently is a parameter. "Not published" marks defaults that are ours.
 */
export const params = z.strictObject({
  /** Names of the batch classes, instead of by `interactiveTtftS`. */
  batchClasses: z.array(z.string()).optional(),
  /**
   * Seconds. Interactive classes have a TTFT target of no more than this; the others, and those without one, are
   * batch. The paper speaks of seconds against minutes to hours.
   */
  interactiveTtftS: z.number().positive().default(60),
  /**
   * Seconds from its arrival by which a batch request must have begun, where its class has no TTFT target. Not
   * published.
   */
  batchDeadlineS: z.number().positive().default(3600),

  /** Whether the batch size of each instance is adapted; otherwise the engine's stays. */
  local: z.boolean().default(true),
  /** Milliseconds between two looks at every instance. Not published. */
  windowMs: z.number().positive().default(1000),
  /**
   * How the batch size B grows at a back-pressure p below 1; the sources disagree. `multiplicative`: to alpha * B
   * / p + (1 - alpha) * B, in which alpha smooths, as the paper calls it; `additive`: by alpha / p.
   */
  increase: z.enum(['multiplicative', 'additive']).default('multiplicative'),
  alpha: z.number().gt(0).max(1).default(0.5),
  /** Share by which throughput must have fallen to count as back-pressure; less is noise. Not published. */
  throughputTolerance: z.number().min(0).lt(1).default(0.1),
  /** Weight of the latest window in the throughput that is compared. Not published. */
  throughputSmoothing: z.number().gt(0).max(1).default(0.5),
  /** Smallest batch size. */
  minBatch: z.int().min(1).default(1),
  /** Batch size at first; the engine's own limit, which is also the largest, where not given. */
  initialBatch: z.int().min(1).optional(),

  /** Whether instances are started, drained and given other roles. */
  global: z.boolean().default(true),
  /**
   * Seconds between two decisions on instances; the mean time in which one starts where not given, as in the
   * paper.
   */
  intervalS: z.number().positive().optional(),
  /**
   * Theta, the share of the interactive and mixed instances that may be busy: the inverse of the factor by which
   * load can rise while an instance starts. The paper's example is a burst of 3; SageServe's port has 0.6.
   */
  theta: z
    .number()
    .gt(0)
    .max(1)
    .default(1 / 3),
  /**
   * What counts as busy: whole `instances` with an interactive request, or the `fraction` of its batch size that
   * interactive requests take.
   */
  busy: z.enum(['instances', 'fraction']).default('instances'),
  /** Straight to the number that Theta asks for (`target`), or by `one` instance at each decision. */
  step: z.enum(['target', 'one']).default('target'),
  /** So many decisions in a row must want fewer instances; the highest of their numbers is taken. Not published. */
  scaleInAfter: z.int().min(1).default(2),
  /** Fewest interactive and mixed instances, together. */
  minInstances: z.int().min(1).default(1),
  /**
   * Instances for interactive requests alone; all others of their pool, of which one is always left, are mixed.
   * Not published.
   */
  interactiveInstances: z.int().min(0).default(1),
  /** Instances for batch requests alone at the start; always, without `batchPressure`. Not published. */
  batchInstances: z.int().min(0).default(0),
  /** Whether instances are started for batch requests that would miss their deadline, and released once none waits. */
  batchPressure: z.boolean().default(true),
  /**
   * Seconds: batch requests whose deadlines lie in the same span are one group. As long as `intervalS` where not
   * given, since decisions cannot tell them apart. Not published.
   */
  deadlineGroupS: z.number().positive().optional(),
  /**
   * Standard deviations by which the tokens that wait are estimated above their mean, by the central limit theorem over
   * answer lengths: 1.645 is exceeded in one case of twenty. The paper's confidence is not published.
   */
  waitDeviations: z.number().min(0).default(1.645),

  /**
   * Share of an instance's KV blocks up to which requests are sent there; the rest is for their growth. Not
   * published.
   */
  fillShare: z.number().gt(0).max(1).default(0.8),
  /**
   * Share of an instance's KV blocks that stays free behind a request that comes back from host memory. Not
   * published.
   */
  returnHeadroom: z.number().min(0).lt(1).default(0.05),
});

export type Params = z.output<typeof params>;
