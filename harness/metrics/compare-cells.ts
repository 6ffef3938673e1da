import { compareClasses } from './class-comparisons.ts';
import { compareStacks } from './compare.ts';
import { type Counted, readOutcomes } from './outcomes.ts';
import type { ComparedCell } from './paired-run.ts';
import type { CellSummary, Comparisons } from './results.ts';

/** A results folder, with what a comparison reads of its cells. */
export interface ComparedFolder extends Counted {
  readonly dir: string;
  /** The summaries of all finished cells, of every stack and seed. */
  readonly summaries: readonly CellSummary[];
  /** Name of the stack that the others are compared with. */
  readonly baseline: string;
}

/**
 * Compares the stacks of a results folder by its files, as `compareStacks` and `compareClasses` do. Throws an `InputError` when a file
 * holds something else than rows of requests.
 */
export async function compareCells(folder: ComparedFolder): Promise<Comparisons> {
  const cells = await readComparedCells(folder.dir, folder.summaries, folder);
  const { baseline } = folder;
  return { comparisons: compareStacks(cells, baseline), class_comparisons: compareClasses(cells, baseline) };
}

/** The finished cells of a folder with the requests of each. */
export async function readComparedCells(
  dir: string,
  summaries: readonly CellSummary[],
  counted: Counted,
): Promise<ComparedCell[]> {
  const cells: ComparedCell[] = [];
  for (const summary of summaries) {
    cells.push({ summary, outcomes: await readOutcomes(dir, summary.id, counted) });
  }
  return cells;
}
