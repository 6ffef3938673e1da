import { compareClassesTwoFidelity } from './class-comparisons.ts';
import { type ComparedFolder, readComparedCells } from './compare-cells.ts';
import type { CellSummary, Comparisons } from './results.ts';
import { readTwinValues, twinsFolder } from './twins.ts';
import { compareTwoFidelity } from './two-fidelity.ts';

/** The cells of a measured run, and the simulated twins of those of its seeds. */
interface TwinnedFolder extends ComparedFolder {
  readonly twins: readonly CellSummary[];
}

/** Compares the stacks of a measured run by its files, as `compareTwoFidelity` does, and class by class. Throws as `compareCells` does. */
export async function compareTwinnedCells(folder: TwinnedFolder): Promise<Comparisons> {
  const { dir, summaries, twins, baseline } = folder;
  const input = {
    measured: await readComparedCells(dir, summaries, folder),
    twins: await readComparedCells(twinsFolder(dir), twins, folder),
    simulated: await readTwinValues(dir),
  };
  return {
    comparisons: compareTwoFidelity(input, baseline),
    class_comparisons: compareClassesTwoFidelity(input, baseline),
  };
}
