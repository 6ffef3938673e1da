import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAllWhole } from '../harness/base/write-whole.ts';
import { charts } from './charts/index.ts';
import { readPageAssets, renderPage } from './html.ts';
import { loadResults } from './load.ts';
import type { MetricDefinitions, Results } from './load.ts';
import type { NamedDrawing } from './page/chart-section.ts';

export { closingTable, tableJson } from './table.ts';

interface ReportOptions {
  readonly resultsDir: string;
  readonly metricDefinitions: MetricDefinitions;
}

export interface Report {
  /** What the report shows, for the closing table. */
  readonly results: Results;
  readonly htmlPath: string;
  readonly chartPaths: readonly string[];
  /** Size of the page. */
  readonly bytes: number;
}

/**
 * Writes `report.html` and `charts/*.vl.json` into a results folder, all of them or, where the disk does not take them, none. The same
 * results give the same bytes. `InputError` when the folder holds no results, or damaged ones.
 */
export async function writeReport({ resultsDir, metricDefinitions }: ReportOptions): Promise<Report> {
  const results = await loadResults(resultsDir, metricDefinitions);
  const drawings = drawCharts(results);
  const page = renderPage(results, drawings, await readPageAssets());
  const chartDir = join(resultsDir, 'charts');
  await mkdir(chartDir, { recursive: true });
  const pathOf = (name: string): string => join(chartDir, `${name}.vl.json`);
  const files = drawings.flatMap(({ name, drawing }) =>
    drawing.kind === 'absent' ? [] : [{ path: pathOf(name), text: `${JSON.stringify(drawing.spec)}\n` }],
  );
  const htmlPath = join(resultsDir, 'report.html');
  try {
    await writeAllWhole([...files, { path: htmlPath, text: page }]);
  } catch (error) {
    // Where there was no report before, nothing of this one stays.
    await rmdir(chartDir).catch(() => undefined);
    throw error;
  }
  for (const { name, drawing } of drawings) {
    if (drawing.kind === 'absent') await rm(pathOf(name), { force: true });
  }
  return { results, htmlPath, chartPaths: files.map(({ path }) => path), bytes: Buffer.byteLength(page) };
}

/** Every registered chart of the results, in the order of the page. */
export function drawCharts(results: Results): readonly NamedDrawing[] {
  return Object.entries(charts).map(([name, chart]) => ({ name, chart, drawing: chart.draw(results) }));
}
