import type { CellSummary, Manifest, ManifestCell } from '../metrics/results.ts';
import type { CellOutcome } from './cell-job.ts';

/** The manifest as cells end, and the summaries of those that finished. */
export class CellLedger {
  readonly summaries = new Map<string, CellSummary>();
  #manifest: Manifest;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Takes over cells that an earlier run finished, with its wall-clock figures where it had still written them. */
  adopt(finished: ReadonlyMap<string, CellSummary>, earlier: readonly ManifestCell[]): void {
    for (const [id, summary] of finished) {
      this.summaries.set(id, summary);
      this.#update(id, {
        ...earlier.find((cell) => cell.id === id && cell.status === 'done'),
        status: 'done',
      });
    }
  }

  done(id: string, { summary, wall, warnings, disturbance }: CellOutcome): void {
    this.summaries.set(id, summary);
    this.#update(id, {
      status: 'done',
      ...wall,
      ...(warnings.length > 0 && { warnings: [...warnings] }),
      ...(disturbance !== undefined && { disturbed: disturbance }),
    });
  }

  twinned(twins: Manifest['twins']): void {
    this.#manifest = { ...this.#manifest, twins };
  }

  /** Keeps the checksum of the summary that is to be written. */
  summarized(sha256: string): void {
    this.#manifest = { ...this.#manifest, summary_sha256: sha256 };
  }

  failed(id: string, error: string): void {
    this.#update(id, { status: 'failed', error });
  }

  #update(id: string, change: Partial<ManifestCell>): void {
    const cells = this.#manifest.cells.map((cell) => (cell.id === id ? { ...cell, ...change } : cell));
    this.#manifest = { ...this.#manifest, cells };
  }
}
