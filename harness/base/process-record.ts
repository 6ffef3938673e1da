import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errorCode } from './errors.ts';

/** A process, as another process can look for it. */
export interface ProcessRecord {
  readonly host: string;
  readonly pid: number;
  /** Where the number means something: the boot of a machine and a namespace of processes in it, such as a container's. */
  readonly scope: string;
  /** When it started, by the kernel's count: the numbers of processes are used again. Empty where that is unknown. */
  readonly startedAt: string;
}

export function ownProcess(): ProcessRecord {
  return { host: hostname(), pid: process.pid, scope: ownScope(), startedAt: startOf(process.pid) ?? '' };
}

/** Returns what is known of a process: `elsewhere` is one of another machine or container, about which this one knows nothing. */
export function stateOf({ pid, scope, startedAt }: ProcessRecord): 'alive' | 'gone' | 'elsewhere' {
  if (scope !== ownScope()) return 'elsewhere';
  if (!isProcessAlive(pid)) return 'gone';
  return startedAt === (startOf(pid) ?? '') ? 'alive' : 'gone';
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Two containers may share a machine's name and its boot, and count their processes each for itself. */
function ownScope(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux: then the name of the machine has to do.
    return hostname();
  }
}

/** A process that has ended and not been waited for counts as gone: it has no start. */
function startOf(pid: number): string | undefined {
  try {
    // After the name in brackets, which may hold anything: the state, and as the twentieth the start (see proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
