import { z } from 'zod';

const windowS = z.number().min(0);
/** Kubernetes allows half an hour; a longer period only makes a rate slower. */
const periodS = z.number().gt(0).max(86_400);

/** A bound on the change in one period, as in `behavior.scaleDown.policies`. */
const scalingPolicy = z.strictObject({
  type: z.enum(['pods', 'percent']),
  /** Number of replicas, or percent of those at the start of the period. */
  value: z.int().min(0).max(1_000_000),
  periodS,
});

/** Which of several policies holds: the one that allows the most change, the least, or no change at all. */
const selectPolicy = z.enum(['max', 'min', 'disabled']).default('max');

/**
 * Bounds on the number of replicas and on its rate of change, with the defaults of Kubernetes
 * (`HorizontalPodAutoscaler`, `spec.behavior`).
 */
export const behaviorParams = {
  minReplicas: z.int().min(1).default(1),
  /** Upper bound of the replicas. If undefined, the cluster's `maxInstances`. */
  maxReplicas: z.int().min(1).optional(),
  /** Stabilisation window for scaling up, in seconds: the lowest recommendation within it is used. */
  upWindowS: windowS.default(0),
  /** Stabilisation window for scaling down, in seconds: the highest recommendation within it is used. */
  downWindowS: windowS.default(300),
  /** Period in seconds to which the following rates refer. */
  periodS: periodS.default(15),
  /**
   * In one period at most this many replicas, or `upPercent` of those at its start, may be added, whichever
   * is more.
   */
  upPods: z.int().min(0).default(4),
  upPercent: z.number().min(0).default(100),
  /** In one period at most this percentage of the replicas at its start may be removed. */
  downPercent: z.number().min(0).max(100).default(100),
  /**
   * Policies in full, each with a period of its own, in place of the bounds above (`scaleUp.policies`,
   * `scaleDown.policies`), and which of them holds (`selectPolicy`).
   */
  upPolicies: z.array(scalingPolicy).min(1).max(100).optional(),
  upSelect: selectPolicy,
  downPolicies: z.array(scalingPolicy).min(1).max(100).optional(),
  downSelect: selectPolicy,
};

type ScalingPolicy = z.output<typeof scalingPolicy>;

export type BehaviorParams = z.output<z.ZodObject<typeof behaviorParams>>;

/** Constraint on the bounds, to be passed to `refine` of a parameter schema. */
export const replicaRange = {
  holds: ({
    minReplicas,
    maxReplicas = Infinity,
  }: {
    minReplicas: number;
    maxReplicas?: number | undefined;
  }) => minReplicas <= maxReplicas,
  message: 'minReplicas must not be larger than maxReplicas',
};

/**
 * The input of one sync of the autoscaler: the current replicas, and the number that the metrics recommend.
 */
interface Sync {
  readonly nowUs: number;
  readonly replicas: number;
  readonly recommended: number;
  /** The cluster's upper bound on instances. */
  readonly maxInstances: number;
}

interface Timed {
  readonly atUs: number;
  readonly count: number;
}

/**
 * Turns recommendations into replica counts as Kubernetes does ("Horizontal Pod Autoscaling", section
 * "Configurable scaling behavior"): stabilised over a window, limited in rate, and kept within the bounds.
 */
export class ScalingBehavior {
  readonly #params: BehaviorParams;
  #recommendations: readonly Timed[] | undefined;
  /** Changes of the number of replicas in the longest period; negative where replicas were removed. */
  #changes: readonly Timed[] = [];
  readonly #up: readonly ScalingPolicy[];
  readonly #down: readonly ScalingPolicy[];
  readonly #longestPeriodS: number;

  constructor(params: BehaviorParams) {
    this.#params = params;
    const { periodS: every } = params;
    this.#up = params.upPolicies ?? [
      { type: 'pods', value: params.upPods, periodS: every },
      { type: 'percent', value: params.upPercent, periodS: every },
    ];
    this.#down = params.downPolicies ?? [{ type: 'percent', value: params.downPercent, periodS: every }];
    this.#longestPeriodS = Math.max(...[...this.#up, ...this.#down].map((policy) => policy.periodS));
  }

  /**
   * Returns the next number of replicas. At the first sync the current number counts as an earlier
   * recommendation, so that no replica is removed at once.
   */
  next(sync: Sync): number {
    const next = this.#limit(sync, this.#stabilize(sync));
    if (next !== sync.replicas) {
      this.#changes = [...this.#changes, { atUs: sync.nowUs, count: next - sync.replicas }];
    }
    return next;
  }

  /**
   * Clamps the current number between the lowest recommendation of the window for scaling up and the highest
   * of the window for scaling down.
   */
  #stabilize({ nowUs, replicas, recommended }: Sync): number {
    const { upWindowS, downWindowS } = this.#params;
    const before = this.#recommendations ?? [{ atUs: nowUs, count: replicas }];
    const lowest = Math.min(recommended, ...counts(within(before, nowUs, upWindowS)));
    const highest = Math.max(recommended, ...counts(within(before, nowUs, downWindowS)));
    const all = [...before, { atUs: nowUs, count: recommended }];
    this.#recommendations = within(all, nowUs, Math.max(upWindowS, downWindowS));
    return clamp(replicas, lowest, highest);
  }

  #limit({ nowUs, replicas, maxInstances }: Sync, wanted: number): number {
    const { minReplicas, maxReplicas = Infinity, upSelect, downSelect } = this.#params;
    this.#changes = within(this.#changes, nowUs, this.#longestPeriodS);
    const before = (policy: ScalingPolicy) =>
      counts(within(this.#changes, nowUs, policy.periodS)).reduce((sum, change) => sum - change, replicas);
    const ups = this.#up.map((policy) => mostOf(policy, before(policy)));
    const downs = this.#down.map((policy) => fewestOf(policy, before(policy)));
    const most = { max: Math.max(...ups), min: Math.min(...ups), disabled: replicas }[upSelect];
    const fewest = { max: Math.min(...downs), min: Math.max(...downs), disabled: replicas }[downSelect];
    const limited = clamp(wanted, Math.min(fewest, replicas), Math.max(most, replicas));
    return clamp(limited, minReplicas, Math.min(maxReplicas, maxInstances));
  }
}

/** Returns the most replicas that the policy allows, from those at the start of its period. */
function mostOf({ type, value }: ScalingPolicy, before: number): number {
  return type === 'pods' ? before + value : Math.ceil(before * (1 + value / 100));
}

/** Returns the fewest replicas that the policy allows, from those at the start of its period. */
function fewestOf({ type, value }: ScalingPolicy, before: number): number {
  return type === 'pods' ? before - value : Math.floor(before * (1 - value / 100));
}

/** Selects the entries that are less than `seconds` old. */
function within(list: readonly Timed[], nowUs: number, seconds: number): readonly Timed[] {
  return list.filter(({ atUs }) => nowUs - atUs < seconds * 1e6);
}

function counts(list: readonly Timed[]): readonly number[] {
  return list.map(({ count }) => count);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
