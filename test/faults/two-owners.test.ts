import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createWorkspace } from '../cli/workspace.ts';
import { bench, readResults } from '../e2e/bench.ts';
import { endless, startBench, untilStuck } from './start-bench.ts';

const workspace = createWorkspace();

describe('a results folder that a run writes into', { timeout: 90_000 }, () => {
  it('belongs to that run: the second is told who and since when; once it is killed, the next has it', async () => {
    const out = workspace.path('owned');
    const config = workspace.config(endless);
    const args = ['--config', config, '--output-dir', out, '--concurrency', '1'];
    const first = startBench(args);
    await untilStuck(out, first);
    const before = readdirSync(out, { recursive: true });
    const says = new RegExp(
      `the results folder is in use by process ${first.child.pid} on \\S+ since 20\\S+Z \\(bench --config`,
    );
    const seconds = [args, [...args, '--resume'], [...args, '--overwrite'], ['report', out]];
    for (const result of await Promise.all(seconds.slice(0, 3).map((each) => bench(each)))) {
      expect(result.stderr).toMatch(says);
      expect(result.exitCode).toBe(2);
    }
    const report = await bench(['report', out]);
    expect(report.stderr).toMatch(says);
    expect(report.exitCode).toBe(2);
    expect(readdirSync(out, { recursive: true })).toEqual(before);
    first.child.kill('SIGKILL');
    await first.ended;
    const stopped = startBench([...args, '--resume']);
    while (!stopped.stderr().includes('1 of 2 cells were finished before')) {
      expect(stopped.child.exitCode, stopped.stderr()).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    stopped.child.kill('SIGTERM');
    expect(await stopped.ended).toBe(130);
  });

  it('is given to one of two that start at once', async () => {
    const out = workspace.path('raced');
    const args = ['--config', workspace.config(), '--output-dir', out];
    const results = await Promise.all([bench(args), bench(args)]);
    expect(new Set(results.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 2]));
    expect(results.map(({ stderr }) => stderr).join('')).toMatch(/in use by process|exists and is not empty/);
    expect(readResults(out).manifest.cells.map(({ status }) => status)).toEqual(['done']);
  });
});
