import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of our own code, from which policies are called. */
const harness = fileURLToPath(new URL('../', import.meta.url));

/** Where a line of a stack trace points to: a path or URL, a line and a column. */
const frame = /^\s+at (?:.*\()?((?:file:\/\/)?\/[^\n]*?)(?:\?[^:\n]*)?:(\d+:\d+)\)?$/gm;

/**
 * Returns where in a policy something was thrown, as `file:line:column` of the source: the innermost line of the stack that is neither ours nor
 * a library's. The file is relative to the working folder where it lies there. `undefined` for an error of ours alone, and for what is no error.
 */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const foreign = [...stack.matchAll(frame)]
    .map(([, file = '', position = '']) => ({ file: pathOf(file), position }))
    .filter(({ file }) => !file.startsWith(harness));
  // A policy may itself be a package.
  const found = foreign.find(({ file }) => !file.includes('/node_modules/')) ?? foreign[0];
  return found && `${shown(found.file)}:${found.position}`;
}

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file;
}

function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}
