import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bench, readResults, repository } from '../e2e/bench.ts';
import { createWorkspace } from './workspace.ts';

const workspace = createWorkspace();
const client = fileURLToPath(new URL('../fixtures/inspector/debug.js', import.meta.url));

/** A plug-in that says what it is told first; line 8 is run once. */
const chatty = workspace.write(
  'chatty.ts',
  `import { definePolicy } from 'servebench/policy';
import { z } from 'zod';
interface Heard { readonly at: number }
console.log('loaded');
export default definePolicy({
  name: 'chatty', family: 'other', summary: 'A test.', params: z.strictObject({ most: z.number().default(1) }), capabilities: {},
  create({ most }) {
    const heard: Heard[] = [];
    return { onEvent(event, view) {
      if (heard.length < most) heard.push({ at: view.nowUs });
      else return undefined;
      console.error('%s\\nof %d', event.kind, most);
      process.stdout.write('unfinished');
      if (most > 5) throw new Error('enough');
      return undefined;
    } };
  },
});
`,
);
const config = workspace.config({ policies: '{ recompute: [least-loaded, recompute] }' });

describe('--log', { timeout: 60_000 }, () => {
  it('puts what plug-ins print into a file for each cell, with the time, also of one that fails', async () => {
    const out = workspace.path('logged');
    const policies = ['--policy', chatty, '--policy', `loud=${chatty}?most=9`];
    const run = ['--config', config, ...policies, '--output-dir', out, '--log', '--quiet'];
    const result = await bench(run);
    expect(result.exitCode).toBe(1);
    expect(readdirSync(join(out, 'logs')).toSorted()).toEqual(['chatty-s1.log', 'loud-s1.log']);
    const lines = readFileSync(join(out, 'logs/chatty-s1.log'), 'utf8').split('\n');
    expect(lines[0]).toBe('0.000000 loaded');
    expect(lines[1]).toMatch(/^\d\.\d{6} instanceReady|^\d\.\d{6} requestArrived/);
    expect(lines[2]).toBe(`${lines[1]?.slice(0, 8)} of 1`);
    expect(lines.slice(3)).toEqual([`${lines[1]?.slice(0, 8)} unfinished`, '']);
    expect(result.stderr).toMatch(/^log: .*logs\/chatty-s1\.log$/m);
    expect(result.stderr).toMatch(/^log: .*logs\/loud-s1\.log$/m);
    expect(result.stdout + result.stderr).not.toMatch(/unfinished$|loaded$/m);
    expect(result.stderr).toMatch(/failed: loud-s1: .*enough .* at .*chatty\.ts:14:\d+$/m);

    const again = await bench([...run.filter((word) => word !== '--log'), '--overwrite']);
    expect(again.stderr).not.toMatch(/^log: /m);
    expect(existsSync(join(out, 'logs'))).toBe(false);
  });
});

describe('--only', { timeout: 120_000 }, () => {
  it('runs one cell in this process, and its figures are those of the whole run', async () => {
    const [whole, only] = [workspace.path('whole'), workspace.path('only')];
    const run = ['--config', config, '--policy', chatty, '--quiet'];
    expect((await bench([...run, '--output-dir', whole])).exitCode).toBe(0);
    const result = await bench([...run, '--output-dir', only, '--only', 'chatty-s1']);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^loaded\n/);
    const { manifest, summary } = readResults(only);
    expect(manifest.cells.map(({ id }) => id)).toEqual(['chatty-s1']);
    expect(summary.cells).toEqual(
      readResults(whole).summary.cells.filter(({ policy }) => policy === 'chatty'),
    );
  });

  it('names the nearest cell, and what --pause-at needs', async () => {
    const wrong = await bench(['--config', config, '--only', 'recomputes-s1']);
    expect(wrong.stderr).toBe(
      'error: --only recomputes-s1: there is no such cell (did you mean "recompute-s1"?)\n',
    );
    const alone = await bench(['--config', config, '--pause-at', '3 days']);
    expect(alone.stderr).toMatch(/--pause-at 3 days: expected a virtual time such as 12\.5s or 300ms/);
    expect(alone.stderr).toMatch(/--pause-at 3 days: needs --only/);
    expect([wrong.exitCode, alone.exitCode]).toEqual([2, 2]);
  });

  it('stops a debugger at a breakpoint in a plug-in, and from a virtual time on, for as long as it likes', () => {
    const run = ['run', '--config', config, '--policy', chatty, '--output-dir', workspace.path('debugged')];
    const words = ['--experimental-websocket', client, join(repository, 'harness/cli/bin.js'), chatty, '8'];
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [...words, '--', ...run, '--only', 'chatty-s1', '--pause-at', '1s', '--quiet'],
      { cwd: repository, encoding: 'utf8' },
    );
    const json = stdout.slice(stdout.indexOf('{"stops"'));
    const { stops, ...end } = JSON.parse(json) as { stops: { url: string; nowUs: number }[]; stderr: string };
    expect(
      stops.map(({ url }) => url),
      stderr + end.stderr,
    ).toEqual([
      pathToFileURL(chatty).href,
      pathToFileURL(join(repository, 'harness/run/own-process.ts')).href,
    ]);
    expect(stops[1]?.nowUs).toBeGreaterThanOrEqual(1_000_000);
    expect(stops[1]?.nowUs).toBeLessThan(1_500_000);
    expect(readResults(workspace.path('debugged')).summary.cells).toHaveLength(1);
  });
});
