import type { MetricDeclarations } from '../metric.ts';
import { ratio } from '../tallied.ts';

/** How well memory and time of the instances were used. */
export const useMetrics = {
  kv_usage_ratio: {
    label: 'KV usage',
    unit: 'ratio',
    formula:
      'Integral of KV bytes in use / integral of KV bytes there were, over time and instances (trapezoids between samples).',
    better: 'neither',
    undefinedWhen: 'no instance held KV memory for two samples',
    compute: ({ cluster }) => cluster.kvUsageRatio ?? null,
  },
  kv_usage_ratio_max: {
    label: 'KV usage max',
    unit: 'ratio',
    formula: 'Largest share of KV memory in use on any instance at any sample.',
    better: 'neither',
    undefinedWhen: 'no sample saw KV memory',
    compute: ({ cluster }) => cluster.maxKvUsageRatio ?? null,
  },
  fragmentation_ratio: {
    label: 'Fragmentation',
    unit: 'ratio',
    formula:
      'Free KV memory of all serving instances that the first waiting requests of instances without room for them could use, smallest first, if it were in one place / KV memory of all serving instances; mean over the samples.',
    better: 'lower',
    undefinedWhen: 'no sample saw KV memory',
    compute: ({ cluster }) => cluster.fragmentation.ratios()?.mean ?? null,
  },
  fragmentation_ratio_max: {
    label: 'Fragmentation max',
    unit: 'ratio',
    formula: 'The largest fragmentation at any sample.',
    better: 'lower',
    undefinedWhen: 'no sample saw KV memory',
    compute: ({ cluster }) => cluster.fragmentation.ratios()?.max ?? null,
  },
  busy_ratio: {
    label: 'Busy',
    unit: 'ratio',
    formula: 'Time in which stages computed / instance-seconds.',
    better: 'higher',
    undefinedWhen: 'there was no instance time',
    compute: ({ cluster, totals }) => ratio(cluster.busyUs, totals.instanceUs),
  },
  bubble_ratio: {
    label: 'Bubbles',
    unit: 'ratio',
    formula:
      'Time in which a pipeline stage stood idle between two micro-batches of a busy period / that time + time in which stages of pipelines computed.',
    better: 'lower',
    undefinedWhen: 'no pipeline computed anything',
    compute: ({ cluster: { bubbleUs, pipelinedUs } }) => ratio(bubbleUs, bubbleUs + pipelinedUs),
  },
} as const satisfies MetricDeclarations;
