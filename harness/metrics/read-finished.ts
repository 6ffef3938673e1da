import { existsSync } from 'node:fs';
import { InputError, type InputIssue } from '../base/errors.ts';
import { damageOf } from './checksums.ts';
import { cellFolder, readManifest, readSummary } from './read-results.ts';
import type { Manifest, Summary } from './results.ts';

/** A results folder of a run that has ended. */
export interface FinishedFolder {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly summary: Summary;
}

/**
 * Reads the documents of a results folder; an `InputError` where it is none, the run has not ended, or files of finished cells are
 * not as they were written: a figure is only as good as the rows that it comes from.
 */
export async function readFinished(dir: string): Promise<FinishedFolder> {
  const manifest = await readManifest(dir);
  await requireUndamaged(dir, manifest);
  return { dir, manifest, summary: await readSummary(dir, manifest) };
}

async function requireUndamaged(dir: string, { cells }: Manifest): Promise<void> {
  const issues: InputIssue[] = [];
  for (const { id } of cells.filter(({ status }) => status === 'done')) {
    const source = cellFolder(dir, id);
    const damage = existsSync(source) ? await damageOf(source) : undefined;
    if (damage === undefined) continue;
    issues.push({ source, path: '', message: `is damaged: ${damage}`, hint: '--resume runs the cell again' });
  }
  if (issues.length > 0) throw new InputError(issues);
}
