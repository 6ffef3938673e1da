import { z } from 'zod';
import { type ClusterView, definePolicy } from '../../harness/policy/index.ts';
import { type InstanceLoad, instanceLoads } from '../autoscaling/instance-loads.ts';
import { behaviorParams, replicaRange } from './behavior.ts';
import { Deployment, type Recommendation } from './deployment.ts';
import { recommendByPods } from './recommend.ts';

/** The name of each metric in the configuration, and the field of an instance's load that it reads. */
const metricKeys = {
  'kv-usage': 'kvUsage',
  requests: 'requests',
  waiting: 'waiting',
} as const satisfies Readonly<Record<string, keyof InstanceLoad>>;

const metric = z
  .strictObject({
    /**
     * Metric of each instance: share of its KV cells in use, number of all its requests, or number of its
     * waiting requests.
     */
    metric: z.enum(['kv-usage', 'requests', 'waiting']),
    /** Value at which the autoscaler keeps the metric's average over the instances. */
    target: z.number().gt(0),
  })
  .refine((aim) => aim.metric !== 'kv-usage' || aim.target <= 1, {
    path: ['target'],
    error: 'a share of the KV memory is at most 1',
  });

const params = z
  .strictObject({
    /**
     * Metrics and their targets; the one that recommends the most replicas decides. No default is published
     * for LLM serving; 0.7 leaves room for a burst during a cold start.
     */
    metrics: z
      .array(metric)
      .min(1)
      .default([{ metric: 'kv-usage', target: 0.7 }]),
    /** Seconds between two syncs (`--horizontal-pod-autoscaler-sync-period`). */
    syncS: z.number().min(0.001).default(15),
    /**
     * Largest relative distance from the target that changes nothing
     * (`--horizontal-pod-autoscaler-tolerance`).
     */
    tolerance: z.number().min(0).default(0.1),
    ...behaviorParams,
  })
  .refine(replicaRange.holds, replicaRange.message);

type Params = z.output<typeof params>;

/**
 * Kubernetes' HorizontalPodAutoscaler, version `autoscaling/v2`, on metrics of each instance ("Pods"
 * metrics), after the page "Horizontal Pod Autoscaling" of its documentation. A pod is an instance; a
 * pipeline counts as many pods as it has stages. Instances that are being provisioned are pods that are not
 * ready; instances that load weights or warm up are pods without metrics.
 */
export const hpa = definePolicy({
  name: 'hpa',
  family: 'autoscaling',
  summary: "Kubernetes' HorizontalPodAutoscaler on KV usage, requests or waiting requests of the instances.",
  params,
  capabilities: { scales: true },
  create: (settings) => {
    const deployment = new Deployment(settings);
    return {
      tickUs: Math.max(1, Math.round(settings.syncS * 1e6)),
      onTick: (view) => deployment.sync(view, (replicas) => recommend(settings, view, replicas)),
      onEvent: ({ kind }, view) => (kind === 'instanceFailed' ? deployment.repair(view) : undefined),
    };
  },
});

/**
 * Returns the largest recommendation of any metric. Every instance reports either all metrics or none, so a
 * single metric is never missing.
 */
function recommend({ metrics, tolerance }: Params, view: ClusterView, replicas: number): Recommendation {
  const { known, numMissing, numPending } = instanceLoads(view);
  let largest: Recommendation = { count: undefined, because: 'no instance has metrics' };
  for (const { metric: name, target } of metrics) {
    const values = known.map((load) => load[metricKeys[name]]);
    const count = recommendByPods({ values, numMissing, numPending }, { target, tolerance }, replicas);
    if (count === undefined || count <= (largest.count ?? -1)) continue;
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const because = `${name} ${average.toFixed(2)} on ${values.length} instances, target ${target}`;
    largest = { count, because };
  }
  return largest;
}
