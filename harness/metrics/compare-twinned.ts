import type { ComparedFolder } from './compare.ts';
import { type Counted, readOutcomes } from './outcomes.ts';
import type { ComparedCell } from './paired-run.ts';
import type { CellSummary, Comparison } from './results.ts';
import { readTwinValues, twinsFolder } from './twins.ts';
import { compareTwoFidelity } from './two-fidelity.ts';

/** The cells of a measured run, and the simulated twins of those of its seeds. */
export interface TwinnedFolder extends ComparedFolder {
  readonly twins: readonly CellSummary[];
}

/** Compares the stacks of a measured run by its files, as `compareTwoFidelity` does. Throws as `compareCells` does. */
export async function compareTwinnedCells(folder: TwinnedFolder): Promise<Comparison[]> {
  const { dir, summaries, twins, baseline } = folder;
  const measured = await cellsIn(dir, summaries, folder);
  const input = {
    measured,
    twins: await cellsIn(twinsFolder(dir), twins, folder),
    simulated: await readTwinValues(dir),
  };
  return compareTwoFidelity(input, baseline);
}

async function cellsIn(
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
