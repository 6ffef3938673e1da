import { join, relative } from 'node:path';
import { assert, must } from '../base/assert.ts';
import type { Manifest, Summary } from '../metrics/results.ts';
import { evaluateThreshold, parseThreshold } from '../config/index.ts';
import type { ThresholdResult } from '../config/index.ts';
import type { ExitCode } from './command.ts';
import { writeReportOf } from './write-report.ts';

export interface FinishedRun {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly summary: Summary;
  readonly format: 'table' | 'json';
}

/**
 * Writes the report, prints the closing table and the thresholds, and returns the exit code: 1 if a cell
 * failed, 99 if a threshold is not met, otherwise 0.
 */
export async function finishRun(run: FinishedRun): Promise<ExitCode> {
  const { dir, manifest, summary, format } = run;
  const { closingTable, tableJson } = await import('../../reports/index.ts');
  const { results } = await writeReportOf(dir);
  const thresholds = checkThresholds(manifest, summary);
  const failed = manifest.cells.filter(({ status }) => status === 'failed');
  if (format === 'json') {
    const failures = failed.map(({ id, error }) => ({ id, error: error ?? '' }));
    console.log(
      JSON.stringify({ results_dir: dir, ...tableJson(results), thresholds, failed: failures }, undefined, 2),
    );
  } else {
    console.log(closingTable(results));
    for (const threshold of thresholds) console.log(thresholdLine(threshold));
    console.log(`\nreport: ${join(relative(process.cwd(), dir), 'report.html')}`);
  }
  for (const { id, warnings = [] } of manifest.cells) {
    for (const warning of warnings) console.error(`warning: ${id}: ${warning}`);
  }
  for (const problem of manifest.twins?.problems ?? []) console.error(`warning: ${problem}`);
  for (const { id, error } of failed) console.error(`failed: ${id}: ${error}`);
  if (failed.length > 0) return 1;
  return thresholds.every(({ outcome }) => outcome === 'met') ? 0 : 99;
}

function checkThresholds({ config, stacks }: Manifest, { cells }: Summary): readonly ThresholdResult[] {
  const classes = must(config['classes'], 'classes') as readonly { readonly name: string }[];
  const names = { stacks: stacks.map(({ name }) => name), classes: classes.map(({ name }) => name) };
  const texts = must(config['thresholds'], 'thresholds') as readonly string[];
  return texts.map((text) => {
    const parsed = parseThreshold(text, names);
    // Loading the configuration refuses malformed thresholds. One that could not be checked must never count
    // as met.
    assert(parsed.ok, 'INV-threshold', () => `"${text}" cannot be read`);
    return evaluateThreshold(parsed.threshold, cells);
  });
}

function thresholdLine({ text, outcome, left, right }: ThresholdResult): string {
  return `threshold ${outcome}: ${text} (${left ?? 'undefined'} against ${right ?? 'undefined'})`;
}
