import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const plugins = fileURLToPath(new URL('../fixtures/plugins/', import.meta.url));

/** Of prompts and answers, for a workload source. */
export const lengths =
  'promptTokens: { dist: constant, tokens: 32 }, outputTokens: { dist: constant, tokens: 8 }';

const lines = {
  name: 'tiny',
  repeats: '1',
  model: 'tiny-llama',
  cluster: '{ instances: 2, hardware: laptop-cell }',
  execution: '{ mode: simulate, policyTimeoutMs: 400 }',
  workload: `{ kind: poisson, durationS: 2, rate: 5, ${lengths} }`,
  slo: '{ ttftMs: 500 }',
  policies: '{ recompute: [least-loaded, recompute] }',
};

/** A folder for one test file, and the smallest configuration that is worth running in it. */
export function createWorkspace() {
  const dir = mkdtempSync(join(tmpdir(), 'servebench-cli-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let numConfigs = 0;
  return {
    dir,
    path: (name: string): string => join(dir, name),
    read: (name: string): string => readFileSync(join(dir, name), 'utf8'),
    write(name: string, text: string): string {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    },
    /** Writes the tiny configuration with some of its lines changed or added; a value is YAML. */
    config(changes: Readonly<Record<string, string>> = {}): string {
      numConfigs += 1;
      const text = Object.entries({ ...lines, ...changes }).map(([key, value]) => `${key}: ${value}\n`);
      return this.write(`config-${numConfigs}.yaml`, text.join(''));
    },
  };
}
