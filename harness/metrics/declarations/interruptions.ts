import type { MetricDeclarations } from '../metric.ts';
import { percentiles, runLatency } from '../statistics.ts';

/** Running requests that lost their place, or moved to another one. */
export const interruptionMetrics = {
  preemption_count: {
    label: 'Preemptions',
    unit: 'count',
    formula:
      'Times that a running request lost its place: to recompute, to a swap, or with an instance that failed.',
    better: 'lower',
    compared: 'seeds',
    table: 'key',
    heads: { narrow: ['preempt-', 'ions'], wide: 'preemptions' },
    compute: ({ requests }) => requests.numPreemptions,
  },
  swap_count: {
    label: 'Swaps',
    unit: 'count',
    formula: 'Times that a request was swapped to host memory.',
    better: 'lower',
    compute: ({ requests }) => requests.numSwaps,
  },
  migration_count: {
    label: 'Migrations',
    unit: 'count',
    formula: 'Times that a live request moved to another group.',
    better: 'neither',
    compute: ({ requests }) => requests.numMigrations,
  },
  migrations_aborted: {
    label: 'Aborted migrations',
    unit: 'count',
    formula:
      'Migrations of running requests that were begun and given up; the request went on at its source.',
    better: 'lower',
    compute: ({ cluster }) => cluster.numMigrationsAborted,
  },
  migrated_bytes: {
    label: 'Migrated bytes',
    unit: 'bytes',
    formula: 'KV bytes of all copies that migrations began, those of aborted ones included.',
    better: 'lower',
    compute: ({ cluster }) => cluster.migratedBytes,
  },
  ...runLatency('migration_downtime', {
    of: 'migrationDowntime',
    statistics: ['mean', 'p99', 'p999', 'max'],
    label: 'Migration downtime',
    unit: 'ms',
    formula: `Time that a migrating request stood still while its last blocks were copied, over migrations that were completed with their KV. ${percentiles}`,
    undefinedWhen: 'no request migrated with its KV',
  }),
} as const satisfies MetricDeclarations;
