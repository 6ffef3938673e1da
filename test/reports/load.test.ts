import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../harness/base/errors.ts';
import { writeChecksums } from '../../harness/metrics/checksums.ts';
import { metrics } from '../../harness/metrics/metrics.ts';
import { schemaVersion } from '../../harness/metrics/results.ts';
import { loadResults } from '../../reports/load.ts';
import { profileWith } from '../calibration/profiles.ts';
import { folderOf } from './fixtures.ts';

describe('loadResults', () => {
  it('reads every cell of a run', async () => {
    const results = await loadResults(await folderOf('three stacks, three seeds'), metrics);
    expect(results.cells.map((cell) => cell.status)).toEqual(Array.from({ length: 9 }, () => 'done'));
    const [cell] = results.cells;
    if (cell?.status !== 'done') throw new Error('not done');
    expect(cell.requests).toHaveLength(cell.summary.offered);
    expect(cell.timeseries[0]).toMatchObject({ instance: 0, state: 'ready', reserve_bytes: 629_146 });
    expect(results.slo.get('default')).toEqual({ ttftUs: 100_000, tpotUs: 10_000 });
  });

  it('keeps failed and missing cells with their reason', async () => {
    const dir = await folderOf('three stacks, one seed');
    edit(join(dir, 'manifest.json'), ({ cells, ...manifest }) => ({
      ...manifest,
      cells: (cells as { id: string }[]).map((cell) =>
        cell.id === 'swap-s1' ? { ...cell, status: 'failed', error: 'out of memory' } : cell,
      ),
    }));
    rmSync(join(dir, 'cells', 'unlimited-s1'), { recursive: true });
    const results = await loadResults(dir, metrics);
    expect(results.cells.map(({ id, status }) => [id, status])).toEqual([
      ['recompute-s1', 'done'],
      ['swap-s1', 'failed'],
      ['unlimited-s1', 'missing'],
    ]);
    expect(results.cells[1]).toMatchObject({ error: 'out of memory' });
  });

  it.each([
    ['no folder', 'no-such-folder', /not a results folder: it has no manifest.json/],
    ['a file', 'summary.json', /not a results folder/],
  ])('refuses %s', async (_, name, message) => {
    const dir = join(await folderOf('three stacks, one seed'), name);
    await expect(loadResults(dir, metrics)).rejects.toThrow(message);
    await expect(loadResults(dir, metrics)).rejects.toBeInstanceOf(InputError);
  });

  it('refuses another schema version and names both', async () => {
    const dir = await folderOf('three stacks, one seed');
    edit(join(dir, 'manifest.json'), (value) => ({ ...value, schema_version: 99 }));
    await expect(loadResults(dir, metrics)).rejects.toThrow(
      `schema_version: expected ${schemaVersion}, got 99`,
    );
  });

  it('refuses a damaged record of the speed of a measured cell, with file and line', async () => {
    const dir = await folderOf('three stacks, one seed');
    const clock = { kind: 'reference', scale: 1, profile: profileWith({}) };
    edit(join(dir, 'manifest.json'), (value) => ({
      ...value,
      backend: { ...(value['backend'] as object), mode: 'measure' },
      clock,
    }));
    const cells = ['recompute-s1', 'swap-s1', 'unlimited-s1'];
    for (const id of cells)
      writeFileSync(join(dir, 'cells', id, 'speed.jsonl'), '{"wall_us":1,"beat_us":2.5,"speed":1}\n');
    const whole = await loadResults(dir, metrics);
    expect(whole.cells[0]).toMatchObject({ speed: [{ wall_us: 1, beat_us: 2.5, speed: 1 }] });
    appendFileSync(join(dir, 'cells', 'swap-s1', 'speed.jsonl'), '{"wall_us":"x","beat_us":2,"speed":1}\n');
    await writeChecksums(join(dir, 'cells', 'swap-s1'));
    await expect(loadResults(dir, metrics)).rejects.toThrow(/swap-s1.speed\.jsonl:2:.*wall_us/);
  });

  it('refuses a broken document and names the key', async () => {
    const dir = await folderOf('three stacks, one seed');
    edit(join(dir, 'manifest.json'), (value) => ({ ...value, seeds: 'three' }));
    await expect(loadResults(dir, metrics)).rejects.toThrow(/manifest\.json: seeds:/);
  });

  it.each([
    ['requests.jsonl', '{"id": 1\n', /requests\.jsonl:\d+:1: is not JSON/],
    ['decisions.jsonl', '{"time_us": -1}\n', /decisions\.jsonl:\d+:1: time_us/],
    [
      'timeseries.csv',
      '5,zero,0,mixed,ready,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n',
      /timeseries\.csv:\d+:1: instance: expected a number, got "zero"/,
    ],
    ['events.jsonl', '{"time_us": 1}\n', /events\.jsonl:\d+:1: kind/],
    ['migrations.jsonl', '{"request": 1}\n', /migrations\.jsonl:\d+:1: from_group/],
    ['transfers.jsonl', '{"kind": "gossip"}\n', /transfers\.jsonl:\d+:1: kind/],
    ['timeseries.csv', '5,zero\n', /timeseries\.csv:\d+:1: is not CSV: Invalid Record Length/],
  ])('names file and line of a bad row in %s', async (file, row, message) => {
    const dir = await folderOf('three stacks, one seed');
    appendFileSync(join(dir, 'cells', 'swap-s1', file), row);
    await writeChecksums(join(dir, 'cells', 'swap-s1'));
    await expect(loadResults(dir, metrics)).rejects.toThrow(message);
    await expect(loadResults(dir, metrics)).rejects.toBeInstanceOf(InputError);
  });
});

it('says which columns samples of an older version lack', async () => {
  const dir = await folderOf('three stacks, one seed');
  const path = join(dir, 'cells', 'swap-s1', 'timeseries.csv');
  const [header = '', ...rows] = readFileSync(path, 'utf8').split('\n');
  const older = header.replace(',loading_bytes,dropped_bytes', ',a,b');
  writeFileSync(path, [older, ...rows].join('\n'));
  await writeChecksums(join(dir, 'cells', 'swap-s1'));
  await expect(loadResults(dir, metrics)).rejects.toThrow(
    /timeseries\.csv:1:1: has no column loading_bytes, dropped_bytes \(written by another version/,
  );
});

/** What a disk, or a person, may do to a file of a finished cell. */
const damages: readonly [string, (text: string) => string | undefined][] = [
  ['a digit changed', (text) => text.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))],
  ['a line lost', (text) => text.slice(text.indexOf('\n') + 1)],
  ['a line doubled', (text) => text.slice(0, text.indexOf('\n') + 1) + text],
  ['everything lost', () => ''],
  ['the file gone', () => undefined],
];
const cellFiles = ['requests.jsonl', 'timeseries.csv', 'decisions.jsonl', 'transfers.jsonl', 'summary.json'];

describe('refuses damage, and names the cell and the file', () => {
  for (const file of [...cellFiles, 'checksums.json']) {
    it.each(damages)(`%s in ${file}`, async (_, damage) => {
      const dir = await folderOf('three stacks, one seed');
      const path = join(dir, 'cells', 'swap-s1', file);
      const text = readFileSync(path, 'utf8');
      const damaged = damage(text);
      if (damaged === text) return;
      if (damaged === undefined) rmSync(path);
      else writeFileSync(path, damaged);
      const loading = loadResults(dir, metrics);
      await expect(loading).rejects.toThrow(
        new RegExp(`cells/swap-s1: is damaged: ${file} is .*--resume runs the cell again`),
      );
      await expect(loading).rejects.toBeInstanceOf(InputError);
    });
  }

  it('in every cell that has some', async () => {
    const dir = await folderOf('three stacks, one seed');
    for (const id of ['swap-s1', 'unlimited-s1'])
      appendFileSync(join(dir, 'cells', id, 'requests.jsonl'), '\n');
    await expect(loadResults(dir, metrics)).rejects.toThrow(
      /swap-s1: is damaged.*\n.*unlimited-s1: is damaged/,
    );
  });

  it('in the summary of the run, and one of an earlier state', async () => {
    const dir = await folderOf('three stacks, one seed');
    edit(join(dir, 'summary.json'), (value) => ({ ...value, name: 'another' }));
    await expect(loadResults(dir, metrics)).rejects.toThrow(/summary\.json: is damaged.*--resume/);
    edit(join(dir, 'manifest.json'), (value) => ({ ...value, summary_sha256: undefined }));
    await expect(loadResults(dir, metrics)).rejects.toThrow(/summary\.json: is of an earlier state/);
  });
});

function edit(path: string, change: (value: Record<string, unknown>) => Record<string, unknown>): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
}
