import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EnvironmentError, InputError } from '../../harness/base/errors.ts';
import { ownProcess, type ProcessRecord, stateOf } from '../../harness/base/process-record.ts';
import { FolderOwner, ownerFile, requireUnowned } from '../../harness/run/folder-owner.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'servebench-owner-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const timing = { beatMs: 10, maxSilenceMs: 120 };
const take = (command = 'bench') => FolderOwner.take(dir, command, timing);

/** Writes an owner's file as another process would. */
function leave(record: ProcessRecord): void {
  const owner = { ...record, since: '2026-01-31T14:25:00.000Z', command: 'bench --config a.yaml' };
  writeFileSync(join(dir, ownerFile), JSON.stringify(owner));
}

describe.skipIf(process.platform !== 'linux')('a process', () => {
  it('is alive while it runs, gone when it has ended, and gone when another has its number', async () => {
    const own = ownProcess();
    expect(stateOf(own)).toBe('alive');
    expect(stateOf({ ...own, startedAt: '1' })).toBe('gone');
    expect(stateOf({ ...own, pid: spawnSync('/bin/true').pid })).toBe('gone');
    expect(stateOf({ ...own, scope: 'another boot' })).toBe('elsewhere');
  });

  it('that was killed is gone before anybody has waited for it', async () => {
    // The shell never waits for its child, so that the child stays a zombie.
    const shell = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [text] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(text);
    const startedAt = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ')[19]!;
    expect(stateOf({ ...ownProcess(), pid, startedAt })).toBe('alive');
    process.kill(pid, 'SIGKILL');
    while (!/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise(setImmediate);
    expect(stateOf({ ...ownProcess(), pid, startedAt })).toBe('gone');
    shell.kill('SIGKILL');
  });
});

describe('a results folder has one owner', () => {
  it('and the second is told who, since when and what it does', async () => {
    const owner = await take('bench --config first.yaml');
    const second = take();
    await expect(second).rejects.toThrow(
      new RegExp(`in use by process ${process.pid} on .* since 20.*Z \\(bench --config first.yaml\\)`),
    );
    await expect(second).rejects.toBeInstanceOf(InputError);
    await expect(requireUnowned(dir, timing)).rejects.toThrow(/in use by/);
    await owner.release();
    await owner.release();
    expect(readdirSync(dir)).toEqual([]);
    await requireUnowned(dir, timing);
  });

  it('of many that come at once', async () => {
    const owners = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => take(`bench ${index}`)));
    expect(owners.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('of many that find the same owner gone', async () => {
    leave({ ...ownProcess(), startedAt: '1' });
    const owners = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => take(`bench ${index}`)));
    const taken = owners.flatMap((owner) => (owner.status === 'fulfilled' ? [owner.value] : []));
    expect(taken).toHaveLength(1);
    await taken[0]?.requireHeld();
    expect(readdirSync(dir)).toEqual([ownerFile]);
  });

  it('until it is gone: a process of this machine is looked for', async () => {
    leave({ ...ownProcess(), pid: spawnSync('/bin/true').pid });
    await requireUnowned(dir, timing);
    const owner = await take();
    await owner.requireHeld();
    await owner.release();
  });

  it.each(['', '{"pid":', '{"pid":"x"}'])('until it is silent: a file that says %j', async (text) => {
    writeFileSync(join(dir, ownerFile), text);
    const owner = await take();
    await owner.requireHeld();
    await owner.release();
  });

  it('of another machine while its file is touched, and no longer', async () => {
    leave({ ...ownProcess(), host: 'elsewhere', scope: 'another boot' });
    let seconds = 1e9;
    const beat = setInterval(() => utimesSync(join(dir, ownerFile), ++seconds, seconds), timing.beatMs);
    await expect(take()).rejects.toThrow(/in use by process \d+ on elsewhere since 2026-01-31T14:25/);
    clearInterval(beat);
    const owner = await take();
    await owner.release();
  });

  it('that touches its file', async () => {
    const owner = await take();
    leave({ ...ownProcess(), scope: 'another boot' });
    await expect(requireUnowned(dir, timing)).rejects.toThrow(/in use by/);
    await owner.release();
  });

  it('that stops where another has taken over, and leaves the other what is its own', async () => {
    const owner = await take();
    leave({ ...ownProcess(), host: 'elsewhere', scope: 'another boot' });
    const held = owner.requireHeld();
    await expect(held).rejects.toThrow(/belongs to process \d+ on elsewhere since .* now/);
    await expect(held).rejects.toBeInstanceOf(EnvironmentError);
    await owner.release();
    expect(existsSync(join(dir, ownerFile))).toBe(true);
  });
});
