import { existsSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { relative } from 'node:path';
import type { InputIssue } from '../base/errors.ts';
import type { Manifest } from '../metrics/results.ts';
import type { CellPool } from '../run/matrix.ts';
import { OwnProcess, parseVirtualTime } from '../run/own-process.ts';
import { policyLogFile } from '../run/results-folder.ts';
import type { RunFlags } from './run-flags.ts';

/** Returns what is wrong with `--pause-at`. */
export function pauseIssues(pauseAt: string, only: string | undefined): readonly InputIssue[] {
  const source = `--pause-at ${pauseAt}`;
  const issues: InputIssue[] = [];
  if (parseVirtualTime(pauseAt) === undefined) {
    issues.push({ source, path: '', message: 'expected a virtual time such as 12.5s or 300ms' });
  }
  if (only === undefined) {
    const hint = 'add --only STACK-sSEED; --dry-run lists the cells';
    issues.push({ source, path: '', message: 'needs --only with the cell to stop in', hint });
  }
  return issues;
}

/** Returns where the cells run: in this process with `--only`, else `undefined`, for worker processes. */
export function cellPoolOf({ only, pauseAt }: Pick<RunFlags, 'only' | 'pauseAt'>): CellPool | undefined {
  if (only === undefined) return undefined;
  if (pauseAt !== undefined && inspectorUrl() === undefined) {
    console.error(
      'warning: no debugger is attached, so --pause-at stops nothing: node --inspect-brk harness/cli/bin.js run ...',
    );
  }
  return new OwnProcess(pauseAt === undefined ? undefined : parseVirtualTime(pauseAt));
}

/** Names the files with what plug-ins have printed. */
export function describeLogs({ cells }: Manifest, dir: string): readonly string[] {
  const files = cells.map(({ id }) => policyLogFile(dir, id)).filter((file) => existsSync(file));
  if (files.length === 0) return ['log: no plug-in has printed anything'];
  return files.map((file) => `log: ${relative(process.cwd(), file)}`);
}
