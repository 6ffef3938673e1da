import { usPerMs, usPerSecond } from '../../base/units.ts';
import type { MetricDeclarations } from '../metric.ts';
import { ratio } from '../tallied.ts';

/** Instances that were paid for, started and drained. */
export const instanceMetrics = {
  instance_seconds: {
    label: 'Instance-seconds',
    unit: 's',
    formula:
      'Time of all instances from the moment each was asked for, cold start included, until it was given back.',
    better: 'lower',
    compared: 'seeds',
    table: 'key',
    heads: { narrow: ['instance', 'seconds'], wide: 'instance-\nseconds' },
    compute: ({ totals }) => totals.instanceUs / usPerSecond,
  },
  mean_instances: {
    label: 'Mean instances',
    unit: 'count',
    formula: 'Instance-seconds / time from the start of the run to its end.',
    better: 'lower',
    undefinedWhen: 'the run took no time',
    isWhole: false,
    compute: ({ totals }) => ratio(totals.instanceUs, totals.endedAtUs),
  },
  peak_instances: {
    label: 'Peak instances',
    unit: 'count',
    formula: 'Most instances that were paid for at the same time.',
    better: 'lower',
    compute: ({ cluster }) => cluster.fleet.numPeak,
  },
  scale_up_count: {
    label: 'Instances asked for',
    unit: 'count',
    formula: 'Instances that a policy asked for during the run.',
    better: 'neither',
    compute: ({ cluster }) => cluster.fleet.numRequested,
  },
  start_failures: {
    label: 'Failed starts',
    unit: 'count',
    formula: 'Attempts to start an instance that failed; each is tried again after a back-off.',
    better: 'lower',
    compute: ({ cluster }) => cluster.fleet.numStartFailures,
  },
  drain_count: {
    label: 'Drains',
    unit: 'count',
    formula: 'Times that a group began to serve its last requests, to be released; those cancelled included.',
    better: 'neither',
    compute: ({ cluster }) => cluster.fleet.numDrains,
  },
  cold_start_seconds: {
    label: 'Cold-start time',
    unit: 's',
    formula:
      'Instance-seconds from the moment each instance was asked for until it was ready, was given back, or the run ended: paid for, serving nobody.',
    better: 'lower',
    compute: ({ cluster, totals }) => cluster.fleet.coldStartUs(totals.endedAtUs) / usPerSecond,
  },
  mean_cold_start_ms: {
    label: 'Cold start mean',
    unit: 'ms',
    formula: 'Time from asking for an instance until it was ready, over those that became ready.',
    better: 'lower',
    undefinedWhen: 'no instance that was asked for became ready',
    compute: ({ cluster: { fleet } }) => ratio(fleet.coldStartSumUs / usPerMs, fleet.numColdStarts),
  },
  drain_seconds: {
    label: 'Drain time',
    unit: 's',
    formula:
      'Instance-seconds from the start of each drain until the instance was released, the drain was cancelled, or the run ended.',
    better: 'lower',
    compute: ({ cluster, totals }) => cluster.fleet.drainUs(totals.endedAtUs) / usPerSecond,
  },
} as const satisfies MetricDeclarations;
