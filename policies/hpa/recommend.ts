/**
 * The replica count that one metric asks for, as the documentation of the Kubernetes HorizontalPodAutoscaler has it
 * ("Horizontal Pod Autoscaling", section "Algorithm details"): ceil(replicas * metric / target), unless that is close enough.
 */
export interface MetricTarget {
  /** Of the average over the pods. */
  readonly target: number;
  /** Ratios of metric and target that are no further from 1 change nothing. */
  readonly tolerance: number;
}

/** A metric of the pods that there are, apart from those that are being shut down. */
export interface PodMetric {
  /** Of each pod that has shown one. */
  readonly values: readonly number[];
  /** Pods that run and have shown none. */
  readonly numMissing: number;
  /** Pods that do not run yet. */
  readonly numPending: number;
}

/**
 * For a metric that each pod has. Pods that have shown nothing damp the change and never reverse it: on the way up they
 * count as idle, those not ready among them; on the way down those with missing metrics count as exactly at the target.
 * `undefined` if no pod has shown anything.
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

/** For one figure of the whole deployment, with a target for each replica's share of it ("AverageValue"). */
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

/** Kubernetes calculates in whole thousandths; this keeps the last bits of a quotient from asking for a replica more. */
const rounding = 1e-9;

function ceil(demand: number): number {
  return Math.max(0, Math.ceil(demand - rounding));
}
