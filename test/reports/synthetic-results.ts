import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaVersion } from '../../harness/metrics/results.ts';
import { timeseriesRows } from '../../harness/metrics/rows/timeseries-row.ts';
import type { CellSummary, Manifest, Summary } from '../../harness/metrics/results.ts';
import { toEngine } from '../../harness/config/engine.ts';
import { requestRow, SyntheticServing, threeStacks } from './synthetic-serving.ts';
import type { SyntheticStack } from './synthetic-serving.ts';
import { compare, summarize, syntheticSlo } from './synthetic-summary.ts';

export interface SyntheticOptions {
  readonly stacks?: readonly SyntheticStack[];
  readonly seeds?: readonly number[];
  readonly seconds?: number;
  readonly ratePerSecond?: number;
  readonly mode?: 'measure' | 'simulate';
  readonly name?: string;
  /** Whether there is a second class of requests. */
  readonly hasBatch?: boolean;
  /** Cells that did not finish, by id, with their error. */
  readonly failed?: Readonly<Record<string, string>>;
}

/** Writes a whole results folder of figures that nobody measured. */
export function writeSyntheticResults(dir: string, options: SyntheticOptions = {}): void {
  const { stacks = threeStacks, seeds = [1, 2, 3], failed = {}, name = 'synthetic-burst' } = options;
  const cells: CellSummary[] = [];
  const manifestCells: Manifest['cells'] = [];
  mkdirSync(dir, { recursive: true });
  for (const stack of stacks) {
    for (const seed of seeds) {
      const id = cellId(stack.name, seed);
      const error = failed[id];
      const shared = { id, policy: stack.name, seed };
      if (error === undefined) {
        cells.push(writeCell(dir, id, { stack, seed, options }));
        manifestCells.push({ ...shared, status: 'done', wall_ms: 4000 });
      } else {
        manifestCells.push({ ...shared, status: 'failed', error });
      }
    }
  }
  const baseline = stacks[0]?.name ?? '';
  const comparisons = stacks.slice(1).flatMap((stack) => compare(stack.name, baseline, cells));
  const summary: Summary = { schema_version: schemaVersion, name, cells, comparisons };
  const manifest = manifestOf(options, manifestCells);
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest, null, 1));
  writeFileSync(join(dir, 'summary.json'), JSON.stringify(summary, null, 1));
}

/** Names may hold anything; folders may not. */
export function cellId(policy: string, seed: number): string {
  return `${policy}-${seed}`.replace(/[^\w-]/g, '_');
}

function writeCell(
  dir: string,
  id: string,
  { stack, seed, options }: { stack: SyntheticStack; seed: number; options: SyntheticOptions },
): CellSummary {
  const { seconds = 30, ratePerSecond = 5, hasBatch = false } = options;
  const serving = new SyntheticServing(stack, { seed, seconds, ratePerSecond, hasBatch });
  const folder = join(dir, 'cells', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'requests.jsonl'), jsonLines(serving.requests.map(requestRow)));
  writeFileSync(join(folder, 'decisions.jsonl'), jsonLines(serving.decisions));
  writeFileSync(join(folder, 'events.jsonl'), jsonLines([...serving.groups.events, ...serving.fleet.events]));
  writeFileSync(join(folder, 'migrations.jsonl'), jsonLines(serving.fleet.migrations));
  writeFileSync(join(folder, 'transfers.jsonl'), jsonLines(serving.groups.transfers));
  const csv = serving.timeseries.map((row) => timeseriesRows.columns.map((column) => row[column]).join(','));
  writeFileSync(join(folder, 'timeseries.csv'), `${[timeseriesRows.columns.join(','), ...csv].join('\n')}\n`);
  return {
    ...summarize(id, seed, stack, serving),
    ...(options.mode === 'simulate' ? { verified_tokens: null } : {}),
  };
}

function jsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

function manifestOf(options: SyntheticOptions, cells: Manifest['cells']): Manifest {
  const { name = 'synthetic-burst', stacks = threeStacks, seeds = [1, 2, 3], mode = 'measure' } = options;
  return {
    schema_version: schemaVersion,
    name,
    created_at: '2026-01-02T03:04:05.000Z',
    command: 'bench --config configs/synthetic.yaml --seed 1',
    config: {
      model: { numLayers: 4, numKvHeads: 4, headDim: 195, bytesPerKvElement: 4 },
      engine: toEngine({ preset: 'vllm-v1', admission: 'whole-prompt', blockSizeTokens: 16 }),
      cluster: { loadReports: { kind: 'every', us: 500_000 } },
      classes: [
        {
          name: 'interactive',
          priority: 1,
          slo: { ttftUs: syntheticSlo.ttftMs * 1000, tpotUs: syntheticSlo.tpotMs * 1000 },
        },
        ...(options.hasBatch === true ? [{ name: 'batch', priority: 0, slo: { ttftUs: 60e6 } }] : []),
      ],
    },
    seeds: [...seeds],
    baseline: stacks[0]?.name ?? '',
    stacks: stacks.map(({ name: stack, family, preemption, drops, params = {} }) => ({
      name: stack,
      family,
      policies: [
        { name: 'least-loaded', params: {} },
        { name: preemption, params: { budget: 4 } },
        ...(drops === undefined ? [] : [{ name: 'kunserve', params: { ...params } }]),
      ],
      is_oracle: false,
    })),
    versions: { servebench: '0.1.0', node: '20.20.2', tensorflow: '2.21.0' },
    commit: '0123456789abcdef0123456789abcdef01234567',
    backend: {
      name: mode === 'measure' ? 'tensorflow 2.21.0' : 'simulated',
      mode,
      device: mode === 'measure' ? 'CPU, 2 threads (AVX2)' : 'laptop-cell x 4',
    },
    machine: { cpu: 'synthetic CPU', cores: 2, memory: '8 GiB' },
    traces: [],
    scale_model: [
      {
        key: 'weights',
        label: 'Weights over device memory',
        value: 0.36,
        reference: 0.34,
        source: 'Qwen-2.5-14B on 80 GB',
      },
      {
        key: 'requests',
        label: 'Requests that fit in KV memory',
        value: 72,
        reference: 300,
        source: 'some hundreds',
      },
      {
        key: 'exchange',
        label: 'KV exchange time over step time',
        value: null,
        reference: 20,
        source: 'KunServe',
      },
      { key: 'peak', label: 'Peak over mean load', value: 2.7, reference: 2.5, source: 'BurstGPT window' },
    ],
    cells,
  };
}
