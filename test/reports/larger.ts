import type { CellSummary, ManifestCell, StackInfo } from '../../harness/metrics/results.ts';
import type { DoneCell, Results } from '../../reports/load.ts';
import { doneCells } from '../../reports/load.ts';

export interface Size {
  readonly numStacks?: number;
  readonly numSeeds?: number;
  /** How often everything that happened in a cell happens in it, one after the other. */
  readonly times?: number;
}

/** Results of a larger and longer run that are made of copies, under longer names: for what depends on the size alone. */
export function larger(results: Results, { numStacks, numSeeds, times = 1 }: Size): Results {
  const { manifest } = results;
  const stacks = Array.from({ length: numStacks ?? manifest.stacks.length }, (_, index): StackInfo => {
    const { length } = manifest.stacks;
    const stack = manifest.stacks[index % length]!;
    if (index < length) return stack;
    return { ...stack, name: `${stack.name}-with-a-longer-name-${Math.floor(index / length)}` };
  });
  const seeds = Array.from({ length: numSeeds ?? manifest.seeds.length }, (_, index) => index + 1);
  const longer = doneCells(results).map((cell) => repeated(cell, times));
  const cells = stacks.flatMap(({ name: policy }) => {
    const originals = longer.filter(
      (cell) => policy === cell.policy || policy.startsWith(`${cell.policy}-with`),
    );
    return seeds.map((seed): DoneCell => {
      const cell = originals[seed % originals.length]!;
      const own = { id: `${policy}-s${seed}`, policy, seed };
      return { ...cell, ...own, summary: { ...cell.summary, ...own } };
    });
  });
  const summaries = cells.map(({ summary }): CellSummary => summary);
  const rows = cells.map(({ id, policy, seed }): ManifestCell => ({ id, policy, seed, status: 'done' }));
  return {
    ...results,
    manifest: { ...manifest, stacks, seeds, cells: rows },
    summary: { ...results.summary, cells: summaries, comparisons: comparisonsOf(results, stacks) },
    cells,
  };
}

function comparisonsOf({ summary }: Results, stacks: readonly StackInfo[]) {
  return stacks.flatMap(({ name }) =>
    summary.comparisons.flatMap((row) =>
      name === row.policy || name.startsWith(`${row.policy}-with`) ? { ...row, policy: name } : [],
    ),
  );
}

function repeated(cell: DoneCell, times: number): DoneCell {
  const lengthUs = cell.timeseries.at(-1)!.time_us + 1;
  const every = <T>(rows: readonly T[], later: (row: T, byUs: number) => T): T[] =>
    Array.from({ length: times }, (_, turn) => rows.map((row) => later(row, turn * lengthUs))).flat();
  return {
    ...cell,
    timeseries: every(cell.timeseries, atTime),
    decisions: every(cell.decisions, atTime),
    events: every(cell.events, atTime),
    requests: every(cell.requests, (row, byUs) => ({
      ...row,
      arrived_at_us: row.arrived_at_us + byUs,
      first_scheduled_at_us: after(row.first_scheduled_at_us, byUs),
      first_token_at_us: after(row.first_token_at_us, byUs),
      ended_at_us: after(row.ended_at_us, byUs),
    })),
    migrations: every(cell.migrations, (row, byUs) => ({
      ...row,
      started_us: row.started_us + byUs,
      stopped_us: after(row.stopped_us, byUs),
      ended_us: row.ended_us + byUs,
    })),
  };
}

function atTime<T extends { readonly time_us: number }>(row: T, byUs: number): T {
  return { ...row, time_us: row.time_us + byUs };
}

function after(timeUs: number | null, byUs: number): number | null {
  return timeUs === null ? null : timeUs + byUs;
}
