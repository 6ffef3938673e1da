import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bench, readResults, repository } from '../e2e/bench.ts';
import { createWorkspace, plugins } from './workspace.ts';

const workspace = createWorkspace();

/** A run whose first cell finishes and whose second never does. */
function startEndlessRun(name: string) {
  const out = workspace.path(name);
  const config = workspace.config({
    name,
    policies: `{ recompute: [least-loaded, recompute], mine: [${join(plugins, 'loops-in-dispatch.ts')}, recompute] }`,
    execution: '{ mode: simulate, policyTimeoutMs: 600000 }',
  });
  const args = ['--config', config, '--output-dir', out, '--concurrency', '1'];
  const child = spawn(process.execPath, [join(repository, 'harness/cli/bin.js'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { out, child, stderr: () => stderr };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function isStuck(out: string): boolean {
  return existsSync(join(out, 'cells', '.partial-mine-s1')) && existsSync(join(out, 'cells', 'recompute-s1'));
}

function workersOf({ pid }: ChildProcess): readonly string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
}

describe.skipIf(process.platform !== 'linux')('a run that is stopped', { timeout: 60_000 }, () => {
  it('by Ctrl-C keeps finished cells, says how to go on', async () => {
    const { out, child, stderr } = startEndlessRun('stopped');
    await until(() => isStuck(out));
    const workers = workersOf(child);
    // npm sends it a second time.
    child.kill('SIGINT');
    child.kill('SIGINT');
    const [exitCode] = (await once(child, 'close')) as [number];
    expect(stderr()).toMatch(
      /stopped: 1 cells are kept, 1 are missing; to continue:\n {2}bench .* --resume\n/,
    );
    expect(exitCode).toBe(130);
    expect(readdirSync(join(out, 'cells'))).toEqual(['recompute-s1']);
    for (const pid of workers) expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('by SIGKILL leaves no worker behind, even one that is stuck in a policy', async () => {
    const { out, child } = startEndlessRun('killed');
    await until(() => isStuck(out));
    const workers = workersOf(child);
    expect(workers.length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)));
    const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as {
      cells: { status: string }[];
    };
    expect(manifest.cells.map(({ status }) => status)).toEqual(['done', 'missing']);
  });
});

it('a worker that dies is one failed cell, with what it printed last', { timeout: 60_000 }, async () => {
  const out = workspace.path('died');
  const config = workspace.config({
    policies: `{ mine: [${join(plugins, 'dies-in-dispatch.ts')}, recompute], recompute: [least-loaded, recompute] }`,
  });
  const result = await bench(['--config', config, '--output-dir', out, '--concurrency', '1']);
  expect(result.exitCode).toBe(1);
  const { manifest } = readResults(out);
  expect(manifest.cells.map(({ status }) => status)).toEqual(['failed', 'done']);
  expect(manifest.cells[0]?.error).toMatch(
    /dies-in-dispatch.*ended unexpectedly \(SIGKILL\).*famous last words/s,
  );
  expect(readFileSync(join(out, 'worker.log'), 'utf8')).toContain('famous last words');
});
