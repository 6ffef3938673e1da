import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder that all test files of one run of vitest share, for what is costly to make; empty at first, gone at the end. */
    readonly sharedFolder: string;
  }
}

const dir = mkdtempSync(join(tmpdir(), 'servebench-shared-'));

/** Vitest calls it before the first test file. */
export function setup(project: TestProject): void {
  project.provide('sharedFolder', dir);
}

/** Vitest calls it after the last. */
export function teardown(): void {
  rmSync(dir, { recursive: true, force: true });
}
