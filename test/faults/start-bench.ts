import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../e2e/bench.ts';
import { plugins } from '../cli/workspace.ts';

export const bin = join(repository, 'harness/cli/bin.js');

/** A run of which a test holds the process. */
export interface Started {
  readonly child: ChildProcess;
  stderr(): string;
  /** The exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export function startBench(
  args: readonly string[],
  stdio: StdioOptions = ['ignore', 'ignore', 'pipe'],
): Started {
  const child = spawn(process.execPath, [bin, ...args], { stdio, detached: true });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([exitCode, signal]) => (exitCode ?? signal) as number | string);
  return { child, stderr: () => stderr, ended };
}

/** Lines of a configuration whose first cell finishes and whose second never does. */
export const endless = {
  policies: `{ recompute: [least-loaded, recompute], mine: [${join(plugins, 'loops-in-dispatch.ts')}, recompute] }`,
  execution: '{ mode: simulate, policyTimeoutMs: 600000 }',
};

/** Waits until the second cell of such a run is under way. */
export async function untilStuck(out: string, { child }: Started): Promise<void> {
  const isUnderWay = (id: string): boolean => {
    const cells = existsSync(join(out, 'cells')) ? readdirSync(join(out, 'cells')) : [];
    return cells.some((name) => name.startsWith(`.partial-${id}`));
  };
  while (!(existsSync(join(out, 'cells', 'recompute-s1')) && isUnderWay('mine-s1'))) {
    if (child.exitCode !== null) throw new Error('the run ended');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
