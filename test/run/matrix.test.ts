import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EnvironmentError, InputError } from '../../harness/base/errors.ts';
import { writeWhole } from '../../harness/base/write-whole.ts';
import { readCellSummary } from '../../harness/metrics/read-results.ts';
import type { CellSummary } from '../../harness/metrics/results.ts';
import { type MatrixObserver, type PlannedCell, planCells, runMatrix } from '../../harness/run/matrix.ts';
import { inspectFolder } from '../../harness/run/inspect-folder.ts';
import { openFolder, type ResultsFolder } from '../../harness/run/results-folder.ts';
import type { WorkerPool } from '../../harness/run/worker-pool.ts';
import type { ResolvedConfig } from '../../harness/config/index.ts';

const config = { seeds: [4, 5], stacks: [{ name: 'a' }, { name: 'b' }] } as unknown as ResolvedConfig;
let dir: string;
let folder: ResultsFolder;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'servebench-run-'));
  folder = await openFolder(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('planCells', () => {
  it('varies the seed slowest, so that a part of a run still compares all stacks', () => {
    expect(planCells(config).map(({ id }) => id)).toEqual(['a-s4', 'b-s4', 'a-s5', 'b-s5']);
  });
});

/** Runs the cells with a worker that writes a file and then does what `perform` says. */
async function run(perform: (id: string) => string | void, signal = new AbortController().signal) {
  const told: string[] = [];
  const observer: MatrixObserver = {
    cellStarted: () => {},
    cellProgress: () => {},
    cellDone: async ({ id }, { disturbance }) =>
      void told.push(disturbance === undefined ? `${id} done` : `${id} ${disturbance}`),
    cellFailed: async ({ id }, error) => void told.push(`${id} failed: ${error}`),
  };
  const pool = {
    run: async (_: string, job: PlannedCell & { dir: string }) => {
      writeFileSync(join(job.dir, 'requests.jsonl'), job.id);
      const disturbance = perform(job.id);
      return { summary: { id: job.id } as CellSummary, wall: {}, warnings: [], disturbance };
    },
    close: () => void told.push('closed'),
  } as unknown as WorkerPool;
  const options = { config, folder, pool, concurrency: 2, signal, observer };
  const rejection: unknown = await runMatrix(planCells(config), options).catch((error: unknown) => error);
  return { told, rejection };
}

const cellsOnDisk = () => readdirSync(join(dir, 'cells')).toSorted();

describe('runMatrix', () => {
  it('goes on after a cell that failed, whose folder does not appear', async () => {
    const { told, rejection } = await run((id) => {
      if (id === 'b-s4') throw new Error('no luck');
    });
    expect(rejection).toBeUndefined();
    expect(told.toSorted()).toEqual(['a-s4 done', 'a-s5 done', 'b-s4 failed: no luck', 'b-s5 done']);
    expect(cellsOnDisk()).toEqual(['a-s4', 'a-s5', 'b-s5']);
    expect(JSON.parse(readFileSync(join(dir, 'cells/a-s4/summary.json'), 'utf8'))).toEqual({ id: 'a-s4' });
  });

  it('repeats a cell that was disturbed once, and keeps what disturbs it again', async () => {
    const tries: string[] = [];
    const { told } = await run((id) => {
      tries.push(id);
      if (id === 'a-s4' && tries.filter((tried) => tried === id).length === 1) return 'disturbed';
      return id === 'b-s5' ? 'disturbed' : undefined;
    });
    expect(tries.toSorted()).toEqual(['a-s4', 'a-s4', 'a-s5', 'b-s4', 'b-s5', 'b-s5']);
    expect(told.toSorted()).toEqual(['a-s4 done', 'a-s5 done', 'b-s4 done', 'b-s5 disturbed']);
  });

  it('stops at what the machine has against it, and keeps what is finished', async () => {
    const { told, rejection } = await run((id) => {
      if (id === 'a-s5') throw Object.assign(new Error('write failed'), { code: 'ENOSPC' });
    });
    expect(rejection).toBeInstanceOf(EnvironmentError);
    expect(String(rejection)).toContain('no space left');
    expect(told).toContain('closed');
    expect(cellsOnDisk()).toEqual(expect.arrayContaining(['a-s4', 'b-s4']));
    expect(cellsOnDisk()).not.toContain('a-s5');
  });

  it('starts nothing when it was stopped before its first cell', async () => {
    const { told } = await run(() => {
      throw new Error('started');
    }, AbortSignal.abort());
    expect(told).toEqual([]);
    expect(cellsOnDisk()).toEqual([]);
  });

  it('is stopped by its signal without calling anything failed', async () => {
    const controller = new AbortController();
    const { told } = await run((id) => {
      if (id !== 'a-s5') return;
      controller.abort();
      throw new Error('killed');
    }, controller.signal);
    expect(told.filter((line) => line.includes('failed'))).toEqual([]);
    expect(cellsOnDisk().every((name) => !name.startsWith('.partial'))).toBe(true);
  });
});

describe('the results folder', () => {
  it('starts a cell afresh, whatever an earlier attempt left', async () => {
    const first = await folder.beginCell('a-s4');
    writeFileSync(join(first, 'half.jsonl'), 'half');
    expect(readdirSync(await folder.beginCell('a-s4'))).toEqual([]);
  });

  it('takes no damaged summary for a finished cell', async () => {
    await folder.beginCell('a-s4');
    await folder.commitCell({ id: 'a-s4' } as CellSummary);
    await expect(readCellSummary(dir, 'a-s4')).rejects.toThrow(InputError);
    expect(await readCellSummary(dir, 'b-s4')).toBeUndefined();
  });

  it('refuses a folder with other things in it', async () => {
    writeFileSync(join(dir, 'thesis.txt'), '');
    for (const intent of ['fresh', 'overwrite', 'resume'] as const) {
      await expect(inspectFolder(dir, intent)).rejects.toThrow(InputError);
    }
    expect(await inspectFolder(join(dir, 'new'), 'fresh')).toBeUndefined();
  });

  it('writes whole files only', async () => {
    const path = join(dir, 'manifest.json');
    await writeWhole(path, 'old');
    await expect(writeWhole(join(dir, 'none', 'manifest.json'), 'new')).rejects.toThrow('ENOENT');
    expect(readFileSync(path, 'utf8')).toBe('old');
    mkdirSync(join(dir, 'folder'));
    await expect(writeWhole(join(dir, 'folder'), 'new')).rejects.toThrow();
    expect(readdirSync(dir).filter((name) => name.startsWith('.partial'))).toEqual([]);
  });
});
