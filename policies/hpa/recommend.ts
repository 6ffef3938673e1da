/**
 * The target of one metric. The replica count follows the documentation of the Kubernetes
 * HorizontalPodAutoscaler ("Horizontal Pod Autoscaling", section "Algorithm details"): ceil(replicas * metric
 * / target), unless the metric is within the tolerance.
 */
export interface MetricTarget {
  /** Value that the average over the pods should have. */
  readonly target: number;
  /** Largest distance from 1 of the ratio of metric and target that changes nothing. */
  readonly tolerance: number;
}

/** The values of one metric over all pods that are not being shut down. */
export interface PodMetric {
  /** The values of the pods that report the metric. */
  readonly values: readonly number[];
  /** Number of pods that run but report no value. */
  readonly numMissing: number;
  /** Number of pods that do not run yet. */
  readonly numPending: number;
}

/**
 * Returns the replica count for a metric that each pod reports. Pods without a value dampen the change and
 * never reverse it: when scaling up, they and the pods that do not run yet count as 0; when scaling down,
 * running pods without a value count as exactly at the target. Undefined if no pod reports a value.
 */
export function recommendByPods(
  { values, numMissing, numPending }: PodMetric,
  { target, tolerance }: MetricTarget,
  replicas: number,
): number | undefined {
  if (values.length === 0) return undefined;
  const sum = values.reduce((total, value) => total + value, 0);
  const goesUp = sum > target * values.length;
  const numPods = values.length + numMissing + (goesUp ? numPending : 0);
  const demand = sum / target + (goesUp ? 0 : numMissing);
  const ratio = demand / numPods;
  if (isClose(ratio, tolerance) || ratio > 1 !== goesUp) return replicas;
  const wanted = ceil(demand);
  return goesUp ? Math.max(wanted, replicas) : Math.min(wanted, replicas);
}

/**
 * Returns the replica count for a single metric of the whole deployment; its target is the share of each
 * replica ("AverageValue").
 */
export function recommendByTotal(
  total: number,
  { target, tolerance }: MetricTarget,
  replicas: number,
): number {
  const demand = total / target;
  return isClose(demand / replicas, tolerance) ? replicas : ceil(demand);
}

function isClose(ratio: number, tolerance: number): boolean {
  return Math.abs(ratio - 1) <= tolerance + rounding;
}

/**
 * Kubernetes calculates in whole thousandths. This tolerance keeps floating-point error in a quotient from
 * adding a replica.
 */
const rounding = 1e-9;

function ceil(demand: number): number {
  return Math.max(0, Math.ceil(demand - rounding));
}
