import { z } from 'zod';

const windowS = z.number().min(0);

/** How fast the number of replicas may change, with the defaults of Kubernetes (`HorizontalPodAutoscaler`, `spec.behavior`). */
export const behaviorParams = {
  minReplicas: z.int().min(1).default(1),
  /** The cluster's `maxInstances` where not given. */
  maxReplicas: z.int().min(1).optional(),
  /** Going up takes the lowest recommendation of so many seconds. */
  upWindowS: windowS.default(0),
  /** Going down takes the highest recommendation of so many seconds. */
  downWindowS: windowS.default(300),
  /** Period of the rates below, in seconds. */
  periodS: z.number().gt(0).default(15),
  /** In one period so many replicas may be added, or `upPercent` of those that there were, whichever is more. */
  upPods: z.int().min(0).default(4),
  upPercent: z.number().min(0).default(100),
  /** In one period so many of the replicas may be removed. */
  downPercent: z.number().min(0).max(100).default(100),
};

export type BehaviorParams = z.output<z.ZodObject<typeof behaviorParams>>;

/** What a set of parameters must be besides: for `refine`. */
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

/** One sync of the autoscaler: what there is, and what the metrics ask for. */
interface Sync {
  readonly nowUs: number;
  readonly replicas: number;
  readonly recommended: number;
  /** The most that the cluster has room for. */
  readonly maxInstances: number;
}

interface Timed {
  readonly atUs: number;
  readonly count: number;
}

/**
 * Turns recommendations into replica counts as Kubernetes does ("Horizontal Pod Autoscaling", section "Configurable scaling
 * behavior"): stabilised over a window, limited in rate, within the bounds.
 */
export class ScalingBehavior {
  readonly #params: BehaviorParams;
  #recommendations: readonly Timed[] | undefined;
  /** Replicas added, or removed where negative. */
  #changes: readonly Timed[] = [];

  constructor(params: BehaviorParams) {
    this.#params = params;
  }

  /** The next number of replicas. What there is at the first sync counts as recommended, so that none is removed at once. */
  next(sync: Sync): number {
    const next = this.#limit(sync, this.#stabilize(sync));
    if (next !== sync.replicas) {
      this.#changes = [...this.#changes, { atUs: sync.nowUs, count: next - sync.replicas }];
    }
    return next;
  }

  /** The number that there is, brought between the lowest recommendation of one window and the highest of the other. */
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
    const { minReplicas, maxReplicas = Infinity, periodS, upPods, upPercent, downPercent } = this.#params;
    this.#changes = within(this.#changes, nowUs, periodS);
    const before = counts(this.#changes).reduce((sum, change) => sum - change, replicas);
    const most = Math.max(before + upPods, Math.ceil(before * (1 + upPercent / 100)));
    const fewest = Math.floor(before * (1 - downPercent / 100));
    const limited = clamp(wanted, Math.min(fewest, replicas), Math.max(most, replicas));
    return clamp(limited, minReplicas, Math.min(maxReplicas, maxInstances));
  }
}

/** Those that are less than so many seconds old. */
function within(list: readonly Timed[], nowUs: number, seconds: number): readonly Timed[] {
  return list.filter(({ atUs }) => nowUs - atUs < seconds * 1e6);
}

function counts(list: readonly Timed[]): readonly number[] {
  return list.map(({ count }) => count);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
