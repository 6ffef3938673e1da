import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../harness/cli/bin.js', import.meta.url));

export interface Ended {
  /** The exit code, or the name of the signal. */
  readonly how: number | string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the product; `limit` is the most that a file may hold, in blocks of 1 KiB. */
export function start(args: readonly string[], limit?: number): Running {
  const command = [process.execPath, bin, ...args];
  const shell = ['bash', '-c', `ulimit -f ${limit}; exec "$@"`, 'bash', ...command];
  const [program = '', ...rest] = limit === undefined ? command : shell;
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({
    how: (code ?? signal) as number | string,
    stderr,
  }));
  return { child, ended };
}

export function run(args: readonly string[], limit?: number): Promise<Ended> {
  return start(args, limit).ended;
}

/** Kills a process at once; returns whether it still ran. */
export function killAtOnce(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** The processes that a process has started. */
export function childrenOf({ pid }: ChildProcess): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}
