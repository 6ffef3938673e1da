import { usPerMs } from '../../base/units.ts';
import type { MetricDeclarations } from '../metric.ts';
import { ratio } from '../tallied.ts';

/** KV and weights that made room for others, and the requests that had to wait for it. */
export const memoryMetrics = {
  swapped_bytes: {
    label: 'Swapped bytes',
    unit: 'bytes',
    formula: 'KV bytes copied to and from host memory by swaps, both ways added.',
    better: 'lower',
    compute: ({ cluster }) => cluster.swappedBytes,
  },
  drop_count: {
    label: 'Drops',
    unit: 'count',
    formula: 'Times that groups were merged into one and replicated layers were dropped.',
    better: 'neither',
    compute: ({ cluster }) => cluster.numDrops,
  },
  restore_count: {
    label: 'Restores',
    unit: 'count',
    formula: 'Times that a group had its layers back and was split again.',
    better: 'neither',
    compute: ({ cluster }) => cluster.numRestores,
  },
  exchanged_bytes: {
    label: 'Exchanged bytes',
    unit: 'bytes',
    formula: 'KV bytes sent from instance to instance to follow layers that were dropped or restored.',
    better: 'lower',
    compute: ({ cluster }) => cluster.exchangedBytes,
  },
  stalled_requests: {
    label: 'Stalled requests',
    unit: 'requests',
    formula: 'Requests that could not run for some time because their KV was being exchanged or moved.',
    better: 'lower',
    compute: ({ requests }) => requests.numStalled,
  },
  mean_stalled_ms: {
    label: 'Stalled mean',
    unit: 'ms',
    formula:
      'Time that a request could not run because its KV was being exchanged or moved, all its stalls added, over stalled requests.',
    better: 'lower',
    undefinedWhen: 'no request was stalled',
    compute: ({ requests }) => ratio(requests.stalledSumUs / usPerMs, requests.numStalled),
  },
  max_stalled_ms: {
    label: 'Stalled max',
    unit: 'ms',
    formula:
      'Time that a request could not run because its KV was being exchanged or moved, all its stalls added, over stalled requests.',
    better: 'lower',
    undefinedWhen: 'no request was stalled',
    compute: ({ requests }) => (requests.numStalled === 0 ? null : requests.maxStalledUs / usPerMs),
  },
} as const satisfies MetricDeclarations;
