import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import {
  meanPair,
  type Pair,
  ratioIntervalOf,
  shareEstimate,
} from '../../harness/metrics/paired-interval.ts';

/**
 * Tables for the READMEs of `configs/papers` from results folders, in Markdown: for each folder and each stack beside the
 * baseline, both stacks' means over the seeds, how many times smaller the stack's is, and the 95 % interval of that
 * over the seeds (as in `bench`'s comparisons, but for any figure of a cell and without resampling its requests).
 *
 *     npm run --silent papers -- --metrics p99_ttft_ms,classes.high.mean_ttft_ms FOLDER...
 *
 * `--baseline STACK` compares with another stack than the one of the run.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    metrics: { type: 'string', default: 'p99_ttft_ms,mean_instances' },
    baseline: { type: 'string' },
  },
});

const summarySchema = z.object({
  cells: z.array(z.looseObject({ policy: z.string(), seed: z.number() })),
  comparisons: z.array(z.looseObject({ baseline: z.string() })),
});
type Cell = z.output<typeof summarySchema>['cells'][number];

const header = ['results', 'stacks', ...values.metrics.split(',')];
const rows = positionals.flatMap((folder) => rowsOf(folder, header.slice(2)));
for (const cells of [header, header.map(() => '---'), ...rows]) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

function rowsOf(folder: string, metrics: readonly string[]): string[][] {
  const text = readFileSync(join(folder, 'summary.json'), 'utf8');
  const { cells, comparisons } = summarySchema.parse(JSON.parse(text));
  const baseline = values.baseline ?? comparisons[0]?.baseline ?? '';
  const stacks = new Set(cells.map(({ policy }) => policy).filter((policy) => policy !== baseline));
  return [...stacks].map((policy) => [
    basename(folder),
    `${baseline} / ${policy}`,
    ...metrics.map((metric) => compared(pairs(cells, { baseline, policy, metric }))),
  ]);
}

/** Both stacks' figures on the seeds that both have. */
function pairs(
  cells: readonly Cell[],
  { baseline, policy, metric }: { baseline: string; policy: string; metric: string },
): Pair[] {
  return cells
    .filter((cell) => cell.policy === policy)
    .flatMap((cell) => {
      const other = cells.find(({ policy: name, seed }) => name === baseline && seed === cell.seed);
      return other === undefined ? [] : [{ value: figure(cell, metric), baseline: figure(other, metric) }];
    });
}

/** A figure by its keys, such as `classes.high.p99_ttft_ms`; `NaN` where there is none. */
function figure(cell: Cell, metric: string): number {
  let value: unknown = cell;
  for (const key of metric.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  return typeof value === 'number' ? value : Number.NaN;
}

function compared(seeds: readonly Pair[]): string {
  const { value, baseline } = meanPair(seeds);
  const share = shareEstimate({ seeds, replicates: [] });
  const interval = share && ratioIntervalOf(share);
  const times = `${digits(baseline / value)} x`;
  const range =
    interval === undefined ? '' : ` (${digits(1 / interval.high)} to ${digits(1 / interval.low)})`;
  return `${digits(baseline)} / ${digits(value)}: ${times}${range}`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
