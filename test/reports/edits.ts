import { compareCells } from '../../harness/metrics/compare-cells.ts';
import type {
  CellSummary,
  Manifest,
  ManifestCell,
  StackInfo,
  Summary,
} from '../../harness/metrics/results.ts';
import type { ResolvedConfig } from '../../harness/config/index.ts';

/** The two documents of a results folder; the cells stay as they were written. */
export interface Documents {
  readonly manifest: Manifest;
  readonly summary: Summary;
}

/** What a run might have given besides. `dir` is the folder of the run itself. */
export type Edit = (documents: Documents, dir: string) => Documents | Promise<Documents>;

/** As if only these stacks had been run, on these seeds. */
export function only(kept: { stacks?: readonly string[]; seeds?: readonly number[] }): Edit {
  const keeps = ({ policy, seed }: { policy: string; seed: number }) =>
    (kept.stacks?.includes(policy) ?? true) && (kept.seeds?.includes(seed) ?? true);
  return ({ manifest, summary }, dir) =>
    compared(
      {
        manifest: {
          ...manifest,
          seeds: manifest.seeds.filter((seed) => kept.seeds?.includes(seed) ?? true),
          stacks: manifest.stacks.filter(({ name }) => kept.stacks?.includes(name) ?? true),
          cells: manifest.cells.filter(keeps),
        },
        summary: { ...summary, cells: summary.cells.filter(keeps) },
      },
      dir,
    );
}

/** As if these cells had failed, by id, with this error. */
export function failing(errors: Readonly<Record<string, string>>): Edit {
  return ({ manifest, summary }, dir) => {
    const cells = manifest.cells.map((cell): ManifestCell => {
      const { id, policy, seed } = cell;
      const error = errors[id];
      return error === undefined ? cell : { id, policy, seed, status: 'failed', error };
    });
    const finished = summary.cells.filter(({ id }) => !(id in errors));
    return compared({ manifest: { ...manifest, cells }, summary: { ...summary, cells: finished } }, dir);
  };
}

/** Other names of stacks, which no configuration may have, and of the run. */
export function renamed(names: Readonly<Record<string, string>>, runName: string): Edit {
  const nameOf = (name: string) => names[name] ?? name;
  const rename = <T extends CellSummary | ManifestCell | Summary['comparisons'][number]>(row: T): T => ({
    ...row,
    policy: nameOf(row.policy),
  });
  return ({ manifest, summary }) => ({
    manifest: {
      ...manifest,
      name: runName,
      baseline: nameOf(manifest.baseline),
      stacks: manifest.stacks.map((stack): StackInfo => ({ ...stack, name: nameOf(stack.name) })),
      cells: manifest.cells.map(rename),
    },
    summary: {
      ...summary,
      name: runName,
      cells: summary.cells.map(rename),
      comparisons: summary.comparisons.map((row) => ({ ...rename(row), baseline: nameOf(row.baseline) })),
    },
  });
}

/** As if TensorFlow had run the steps, and every token had been verified. */
export const measured: Edit = ({ manifest, summary }) => ({
  manifest: {
    ...manifest,
    versions: { ...manifest.versions, tensorflow: '2.21.0' },
    backend: { name: 'tensorflow 2.21.0', mode: 'measure', device: 'CPU, 2 threads (AVX2)' },
  },
  summary: {
    ...summary,
    cells: summary.cells.map((cell) => ({ ...cell, verified_tokens: cell.generated_tokens })),
  },
});

/** With the comparisons of the cells that are left, by the product's own rule. */
async function compared({ manifest, summary }: Documents, dir: string): Promise<Documents> {
  const { classes } = manifest.config as unknown as ResolvedConfig;
  const comparisons = await compareCells({
    summaries: summary.cells,
    dir,
    classes,
    baseline: manifest.baseline,
  });
  return { manifest, summary: { ...summary, ...comparisons } };
}
