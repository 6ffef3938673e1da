import { z } from 'zod';
import { type ClusterView, definePolicy } from '../../harness/policy/index.ts';
import { type InstanceLoad, instanceLoads } from '../autoscaling/instance-loads.ts';
import { behaviorParams, replicaRange } from './behavior.ts';
import { Deployment, type Recommendation } from './deployment.ts';
import { recommendByPods } from './recommend.ts';

/** What a metric is called, and where it is read off. */
const metricKeys = {
  'kv-usage': 'kvUsage',
  requests: 'requests',
  waiting: 'waiting',
} as const satisfies Readonly<Record<string, keyof InstanceLoad>>;

const metric = z
  .strictObject({
    /** Of an instance: share of its KV cells in use, all of its requests, or those of them that wait. */
    metric: z.enum(['kv-usage', 'requests', 'waiting']),
    /** Average over the instances that the autoscaler aims at. */
    target: z.number().gt(0),
  })
  .refine((aim) => aim.metric !== 'kv-usage' || aim.target <= 1, {
    path: ['target'],
    error: 'a share of the KV memory is at most 1',
  });

const params = z
  .strictObject({
    /** The one that asks for most replicas decides. No default is published; this one leaves room for a cold start. */
    metrics: z
      .array(metric)
      .min(1)
      .default([{ metric: 'kv-usage', target: 0.7 }]),
    /** Seconds between two looks (`--horizontal-pod-autoscaler-sync-period`). */
    syncS: z.number().gt(0).default(15),
    /** Relative distance from the target that changes nothing (`--horizontal-pod-autoscaler-tolerance`). */
    tolerance: z.number().min(0).default(0.1),
    ...behaviorParams,
  })
  .refine(replicaRange.holds, replicaRange.message);

type Params = z.output<typeof params>;

/**
 * The HorizontalPodAutoscaler of Kubernetes, version `autoscaling/v2`, on metrics that each instance has ("Pods" metrics), by
 * the page "Horizontal Pod Autoscaling" of its documentation. A pod is an instance; a pipeline counts as so many pods as it has
 * stages. Pods that have not been provisioned are not ready, those that load weights or warm up have no metrics yet.
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

/** The largest count that a metric asks for. All instances show all metrics or none, so that no metric fails alone. */
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
