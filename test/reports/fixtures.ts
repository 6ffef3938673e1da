import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { loadResults } from '../../reports/load.ts';
import type { Results } from '../../reports/load.ts';
import { writeSyntheticResults } from './synthetic-results.ts';
import type { SyntheticOptions } from './synthetic-results.ts';
import { droppingStacks, scalingStacks, sevenStacks } from './synthetic-serving.ts';
import type { SyntheticStack } from './synthetic-serving.ts';

export const hostileName = '</script><script>alert("1")</script><b>&\'';

const hostileStacks: readonly SyntheticStack[] = [
  { name: 'constructor', family: 'kv-centric', preemption: 'recompute', stretch: 1 },
  { name: hostileName, family: 'other', preemption: 'swap', stretch: 1.2 },
];

/** Result sets that every chart has to cope with. */
export const situations: Readonly<Record<string, SyntheticOptions>> = {
  'three stacks, three seeds': {},
  'seven stacks of three families, a failed cell': {
    stacks: sevenStacks,
    mode: 'simulate',
    failed: { 'hpa-2': 'policy "hpa" failed in onTick: <img src=x>' },
  },
  'weights dropped, a fault': { stacks: droppingStacks },
  'everything that a stack can do': { stacks: scalingStacks, seeds: [1, 2], hasBatch: true },
  'one stack, one seed': { stacks: sevenStacks.slice(0, 1), seeds: [7] },
  'a baseline without a finished cell': {
    failed: { 'recompute-1': 'gone', 'recompute-2': 'gone', 'recompute-3': 'gone' },
  },
  'nothing finished': {
    seeds: [1],
    failed: { 'recompute-1': 'a', 'swap-1': 'b', 'unlimited-1': 'c' },
  },
  'no requests at all': { seconds: 0.0001, ratePerSecond: 0.0001, seeds: [1] },
  'names that attack': { stacks: hostileStacks, seeds: [1], name: hostileName },
};

const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

/** A fresh folder of synthetic results, removed after the last test of the file. */
export function syntheticDir(options: SyntheticOptions = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'servebench-report-'));
  dirs.push(dir);
  writeSyntheticResults(dir, options);
  return dir;
}

export async function syntheticResults(options: SyntheticOptions = {}): Promise<Results> {
  return loadResults(syntheticDir(options));
}

/** Every inlined row of a spec. */
export function valuesIn(spec: unknown): Record<string, unknown>[] {
  if (typeof spec !== 'object' || spec === null) return [];
  return Object.entries(spec).flatMap(([key, part]) =>
    key === 'values' && Array.isArray(part) ? part.filter((row) => typeof row === 'object') : valuesIn(part),
  );
}
