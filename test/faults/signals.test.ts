import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWorkspace } from '../cli/workspace.ts';
import { type Manifest, manifestSchema } from '../../harness/metrics/results.ts';
import { endless, startBench, untilStuck } from './start-bench.ts';

const workspace = createWorkspace();

/** Starts a run whose second cell never ends, and waits until it is under way. */
async function startStuck(name: string) {
  const out = workspace.path(name);
  const config = workspace.config({ ...endless, name });
  const run = startBench(['--config', config, '--output-dir', out, '--concurrency', '1']);
  await untilStuck(out, run);
  return { out, run, pid: run.child.pid! };
}

function manifestOf(out: string): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')));
}

function workersOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

const statusesOf = (out: string) => manifestOf(out).cells.map(({ status }) => status);

describe.skipIf(process.platform !== 'linux')('a run that gets', { timeout: 90_000 }, () => {
  it.each([
    ['SIGTERM', (pid: number) => process.kill(pid, 'SIGTERM')],
    ['SIGHUP', (pid: number) => process.kill(pid, 'SIGHUP')],
    ['SIGINT with all its group', (pid: number) => process.kill(-pid, 'SIGINT')],
  ])('%s keeps what is finished, and leaves the folder to others', async (name, send) => {
    const { out, run, pid } = await startStuck(name.replaceAll(' ', '-'));
    send(pid);
    expect(await run.ended).toBe(130);
    expect(run.stderr()).toMatch(/stopped: 1 cells are kept, 1 are missing; to continue:/);
    expect(statusesOf(out)).toEqual(['done', 'missing']);
    expect(readdirSync(out).filter((file) => file.startsWith('.'))).toEqual([]);
  });

  it('SIGINT twice, one second apart, ends at the latest then', async () => {
    const { out, run, pid } = await startStuck('twice');
    process.kill(pid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (run.child.exitCode === null) process.kill(pid, 'SIGINT');
    expect([130, 'SIGKILL']).toContain(await run.ended);
    expect(statusesOf(out)).toEqual(['done', 'missing']);
  });

  it('a worker killed under it fails the cell, and ends', async () => {
    const { out, run, pid } = await startStuck('worker');
    for (const worker of workersOf(pid)) process.kill(worker, 'SIGKILL');
    expect(await run.ended).toBe(1);
    expect(statusesOf(out)).toEqual(['done', 'failed']);
    expect(manifestOf(out).cells[1]?.error).toMatch(/ended unexpectedly \(SIGKILL\)/);
  });
});
