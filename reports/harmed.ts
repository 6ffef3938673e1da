import { group } from 'd3-array';
import type { DecisionRow, RequestRow, StackInfo } from '../harness/metrics/results.ts';
import { ttftMsOf } from './figures.ts';
import { cellsOf } from './load.ts';
import type { DoneCell, Results } from './load.ts';
import { shownStacks, stackNamed } from './stacks.ts';

/** A request that went worse in a stack than in the baseline, on the same seed. */
export interface Harmed {
  readonly stack: StackInfo;
  readonly cell: DoneCell;
  readonly row: RequestRow;
  readonly baseline: RequestRow;
  /** The larger of the increases of TTFT and of end-to-end latency, milliseconds; `Infinity` where only the baseline finished it. */
  readonly increaseMs: number;
}

/** From arrival to end, milliseconds; undefined when unfinished. */
export function e2eMsOf({
  status,
  arrived_at_us: arrivedAtUs,
  ended_at_us: endedAtUs,
}: RequestRow): number | undefined {
  return status !== 'finished' || endedAtUs === null ? undefined : (endedAtUs - arrivedAtUs) / 1000;
}

/** Of every stack but the baseline, over all seeds, the requests that it harmed most, at most `most`, the worst first. */
export function harmedRequests(results: Results, most: number): readonly Harmed[] {
  const baseline = stackNamed(results, results.manifest.baseline);
  if (baseline === undefined) return [];
  const others = shownStacks(results).filter((stack) => stack !== baseline);
  const baselineRows = new Map(
    cellsOf(results, baseline).map(({ seed, requests }) => [
      seed,
      new Map(requests.map((row) => [row.id, row])),
    ]),
  );
  return others.flatMap((stack) => {
    const all = cellsOf(results, stack).flatMap((cell) => {
      const known = baselineRows.get(cell.seed);
      return cell.requests.flatMap((row) =>
        harmOf(row, known?.get(row.id)).map((harm) => ({ stack, cell, ...harm })),
      );
    });
    return all.toSorted((a, b) => compare(b.increaseMs, a.increaseMs) || a.row.id - b.row.id).slice(0, most);
  });
}

/** Two infinities are equal, whose difference is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function harmOf(
  row: RequestRow,
  baseline: RequestRow | undefined,
): Pick<Harmed, 'row' | 'baseline' | 'increaseMs'>[] {
  const before = baseline === undefined ? undefined : e2eMsOf(baseline);
  if (baseline === undefined || before === undefined || row.status === 'aborted') return [];
  const after = e2eMsOf(row);
  const ttft = (ttftMsOf(row) ?? 0) - (ttftMsOf(baseline) ?? 0);
  const increaseMs = after === undefined ? Infinity : Math.max(ttft, after - before);
  return increaseMs > 0 ? [{ row, baseline, increaseMs }] : [];
}

/** The decisions about each request of a cell, in the order in which they were given. */
export function decisionsByRequest({ decisions }: DoneCell): ReadonlyMap<unknown, readonly DecisionRow[]> {
  return group(decisions, ({ data }) => data['requestId']);
}
