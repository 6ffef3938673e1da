import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planRun } from '../../harness/run/plan.ts';

/** Warnings about a plan with four instances at the start, one stack that scales and one that does not. */
async function warningsOf(maxInstances: number): Promise<readonly string[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'plan-'));
  const text = `model: tiny-llama
cluster: { instances: 4, maxInstances: ${maxInstances}, hardware: laptop-cell }
workload: { kind: poisson, rate: 5, durationS: 2, promptTokens: { dist: constant, tokens: 9 }, outputTokens: { dist: constant, tokens: 9 } }
policies:
  recompute: [least-loaded, recompute]
  scaling: [least-loaded, hpa, recompute]
`;
  writeFileSync(join(cwd, 'config.yaml'), text);
  const request = { kind: 'file', file: 'config.yaml', cwd, overrides: [], flags: {} } as const;
  const { warnings } = await planRun(request, { enter() {}, leave() {}, advance() {}, beforeImport() {} });
  return warnings;
}

it('warns of an autoscaler without room for more instances, and names its stack', async () => {
  expect(await warningsOf(4)).toEqual([
    'scaling: no more than the 4 instances of the start are allowed; set cluster.maxInstances for room to scale up',
  ]);
});

it('does not warn where there is room', async () => {
  expect(await warningsOf(5)).toEqual([]);
});
