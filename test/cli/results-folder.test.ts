import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bench, readResults, repeatableBytes } from '../e2e/bench.ts';
import { createWorkspace } from './workspace.ts';

const workspace = createWorkspace();
const out = workspace.path('results');
const policies = '{ recompute: [least-loaded, recompute], swap: [least-loaded, swap, recompute] }';
let config: string;

describe('a results folder', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    config = workspace.config({ policies, thresholds: '["swap.p50_ttft_ms < 0"]' });
    const result = await bench(['--config', config, '--output-dir', out, '--format', 'json']);
    expect(result.exitCode, result.stderr).toBe(99);
    const document = JSON.parse(result.stdout) as { thresholds: { outcome: string }[]; results_dir: string };
    expect(document.results_dir).toBe(out);
    expect(document.thresholds.map(({ outcome }) => outcome)).toEqual(['crossed']);
  });

  it('is left as it is by a second run', async () => {
    const before = repeatableBytes(out);
    const result = await bench(['--config', config, '--output-dir', out]);
    expect(result.stderr).toMatch(
      /exists and is not empty \(--resume continues it, --overwrite replaces it\)/,
    );
    expect(result.exitCode).toBe(2);
    expect(repeatableBytes(out)).toEqual(before);
  });

  it('is not resumed with another configuration', async () => {
    const before = repeatableBytes(out);
    const result = await bench([
      '--config',
      config,
      '--output-dir',
      out,
      '--resume',
      '--set',
      'engine.maxRunning=3',
    ]);
    expect(result.stderr).toMatch(/engine\.maxRunning was 256 and is now 3/);
    expect(result.exitCode).toBe(2);
    expect(repeatableBytes(out)).toEqual(before);
  });

  it('is resumed at the first missing cell, to the same bytes', async () => {
    const before = repeatableBytes(out);
    const kept = statSync(join(out, 'cells', 'recompute-s1', 'requests.jsonl')).mtimeMs;
    rmSync(join(out, 'cells', 'swap-s1'), { recursive: true });
    rmSync(join(out, 'summary.json'));
    const result = await bench(['--config', config, '--output-dir', out, '--resume']);
    expect(result.exitCode, result.stderr).toBe(99);
    expect(result.stderr).toContain('1 of 2 cells were finished before');
    expect(repeatableBytes(out)).toEqual(before);
    expect(statSync(join(out, 'cells', 'recompute-s1', 'requests.jsonl')).mtimeMs).toBe(kept);
  });

  it('with a damaged manifest is neither resumed nor overwritten', async () => {
    const damaged = mkdtempSync(join(workspace.dir, 'damaged-'));
    for (const text of ['{ "schema_version": 1, ', '{ "schema_version": 1 }']) {
      writeFileSync(join(damaged, 'manifest.json'), text);
      for (const flag of ['--resume', '--overwrite']) {
        const result = await bench(['--config', config, '--output-dir', damaged, flag]);
        expect(result.stderr).toMatch(/manifest\.json:.*(is not JSON|expected)/);
        expect(result.exitCode).toBe(2);
      }
    }
    expect(readdirSync(damaged)).toEqual(['manifest.json']);
  });

  it('is replaced with --overwrite', async () => {
    const other = workspace.path('overwritten');
    await bench(['--config', config, '--output-dir', other]);
    writeFileSync(join(other, 'mine.txt'), 'not of the run');
    const result = await bench(['--config', workspace.config(), '--output-dir', other, '--overwrite']);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(readFileSync(join(other, 'mine.txt'), 'utf8')).toBe('not of the run');
    expect(readdirSync(join(other, 'cells'))).toEqual(['recompute-s1']);
    expect(readResults(other).manifest.cells.map(({ id }) => id)).toEqual(['recompute-s1']);
  });
});
