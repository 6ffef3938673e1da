import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Manifest, manifestSchema, type Summary, summarySchema } from '../../harness/metrics/results.ts';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

export interface BenchResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the product's own command line, as a user does. */
export function bench(args: readonly string[]): Promise<BenchResult> {
  const child = spawn(process.execPath, [join(repository, 'harness/cli/bin.js'), ...args], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** The files of a results folder, checked against the published schemas. */
export function readResults(dir: string): { manifest: Manifest; summary: Summary } {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(dir, file), 'utf8'));
  return {
    manifest: manifestSchema.parse(read('manifest.json')),
    summary: summarySchema.parse(read('summary.json')),
  };
}

/** Bytes of the files that must repeat: the summary, and every cell's requests and decisions. */
export function repeatableBytes(dir: string): Record<string, string> {
  const { manifest } = readResults(dir);
  const files = ['summary.json'];
  for (const { id } of manifest.cells) {
    files.push(
      ...['requests.jsonl', 'decisions.jsonl', 'timeseries.csv'].map((file) => join('cells', id, file)),
    );
  }
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(dir, file), 'utf8')]));
}
