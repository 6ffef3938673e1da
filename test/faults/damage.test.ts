import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createWorkspace } from '../cli/workspace.ts';
import { bench, readResults, repeatableBytes } from '../e2e/bench.ts';

const workspace = createWorkspace();

it('damaged cells are named by a report, and run again by --resume, to the same bytes', {
  timeout: 90_000,
}, async () => {
  const out = workspace.path('damaged');
  const policies = '{ recompute: [least-loaded, recompute], swap: [least-loaded, swap, recompute] }';
  const config = workspace.config({ policies, repeats: '2' });
  const args = ['--config', config, '--output-dir', out];
  expect((await bench(args)).exitCode).toBe(0);
  const before = repeatableBytes(out);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  const path = (id: string, file: string): string => join(out, 'cells', id, file);
  const requests = readFileSync(path('swap-s1', 'requests.jsonl'), 'utf8');
  writeFileSync(
    path('swap-s1', 'requests.jsonl'),
    requests.replace(/"output_tokens":8/, '"output_tokens":9'),
  );
  writeFileSync(path('recompute-s2', 'timeseries.csv'), '');
  writeFileSync(path('swap-s2', 'summary.json'), '{');

  const report = await bench(['report', out]);
  expect(report.exitCode).toBe(2);
  expect(report.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/swap-s1: is damaged: requests\.jsonl is not as it was written/),
    expect.stringMatching(/recompute-s2: is damaged: timeseries\.csv/),
    expect.stringMatching(/swap-s2: is damaged: summary\.json/),
  ]);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toBe(page);

  writeFileSync(path('swap-s2', 'notes.txt'), 'mine');
  const refused = await bench([...args, '--resume']);
  expect(refused.stderr).toMatch(
    /swap-s2: holds what bench has not written.*notes\.txt \(move it elsewhere\)/,
  );
  expect(refused.exitCode).toBe(2);
  rmSync(path('swap-s2', 'notes.txt'));

  const resumed = await bench([...args, '--resume']);
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  expect(resumed.stderr).toContain('1 of 4 cells were finished before');
  expect(resumed.stderr).toMatch(/swap-s1: DAMAGED, runs again: requests\.jsonl/);
  expect(repeatableBytes(out)).toEqual(before);
  expect((await bench(['report', out])).exitCode).toBe(0);
});

it('a changed recording is not replayed', { timeout: 90_000 }, async () => {
  const out = workspace.path('recorded');
  await bench(['--config', workspace.config(), '--output-dir', out]);
  // As if the run had been measured.
  const manifest = join(out, 'manifest.json');
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replaceAll('"mode": "simulate"', '"mode": "measure"'),
  );
  const recording = join(out, 'cells', 'recompute-s1', 'steps.jsonl');
  const replay = async (name: string) => bench(['--replay', out, '--output-dir', workspace.path(name)]);

  writeFileSync(recording, '[0,0,1,32,32,100,100]\n[0,0,1,32,32,0,100]\n{"verified_tokens":1}\n');
  const damaged = await replay('replayed-damage');
  expect(damaged.stderr).toMatch(/steps\.jsonl:2:1: the recording is damaged/);
  expect(damaged.exitCode).toBe(1);

  writeFileSync(recording, '[0,0,1,32,32,100,100]\n{"verified_tokens":1}\n');
  const changed = await replay('replayed-change');
  expect(changed.stderr).toMatch(/steps\.jsonl: the recording is damaged: it is not as it was written/);
  expect(readResults(workspace.path('replayed-change')).manifest.cells[0]?.status).toBe('failed');
});

it('a configuration inside of the folder outlives --overwrite', { timeout: 90_000 }, async () => {
  const out = workspace.path('inside');
  await bench(['--config', workspace.config(), '--output-dir', out]);
  const config = join(out, 'config.yaml');
  writeFileSync(config, readFileSync(workspace.config({ name: 'second' })));
  mkdirSync(join(out, 'notes'));
  appendFileSync(join(out, 'notes', 'a.txt'), 'mine');
  const result = await bench(['--config', config, '--output-dir', out, '--overwrite']);
  expect(result.exitCode, result.stderr).toBe(0);
  expect(readResults(out).manifest.name).toBe('second');
  expect(readFileSync(join(out, 'notes', 'a.txt'), 'utf8')).toBe('mine');
});
