import type { Report } from '../../reports/index.ts';
import { readManifest } from '../metrics/read-results.ts';
import { explainDiskError } from '../run/disk.ts';
import { FolderOwner } from '../run/folder-owner.ts';
import { commandLine } from './command-line.ts';
import { writeReportOf } from './write-report.ts';

/** Writes the report of a results folder into which no run writes meanwhile. Throws an `InputError` where one does. */
export async function reportAgain(dir: string): Promise<Report> {
  // Before anything is written there: it may be no results folder.
  await readManifest(dir);
  const owner = await FolderOwner.take(dir, commandLine(process.argv.slice(2))).catch((error: unknown) => {
    throw explainDiskError(error, dir);
  });
  try {
    return await writeReportOf(dir);
  } finally {
    await owner.release();
  }
}
