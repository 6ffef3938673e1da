import type { Report } from '../../reports/index.ts';
import { metrics } from '../metrics/metrics.ts';
import { explainDiskError } from '../run/disk.ts';

/** Writes the report of a results folder. Throws an `EnvironmentError` where the disk does not take it: no part of it is there then. */
export async function writeReportOf(dir: string): Promise<Report> {
  // The charts are loaded only here: they take a second.
  const { writeReport } = await import('../../reports/index.ts');
  try {
    return await writeReport({ resultsDir: dir, metricDefinitions: metrics });
  } catch (error) {
    throw explainDiskError(
      error,
      dir,
      'make room there; bench report with that folder writes the report again',
    );
  }
}
