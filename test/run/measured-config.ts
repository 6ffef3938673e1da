import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type ResolvedConfig } from '../../harness/config/index.ts';
import { createPolicyResolver } from '../../harness/run/load-policy.ts';

export const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };

/** A configuration to be measured: two stacks on two instances, short of memory, and `more` lines of it. */
export function measuredConfig(dir: string, more = ''): Promise<ResolvedConfig> {
  const text = `model: tiny-llama
repeats: 1
cluster: { instances: 2, hardware: laptop-cell }
execution: { mode: measure, seedsSimulated: 3 }
workload:
  kind: poisson
  rate: 250
  durationS: 0.3
  promptTokens: { dist: uniform, min: 60, max: 200 }
  outputTokens: { dist: uniform, min: 20, max: 60 }
policies:
  recompute: [least-loaded, recompute]
  swap: [least-loaded, swap, recompute]
${more}`;
  writeFileSync(join(dir, 'config.yaml'), text);
  return loadConfig({ file: 'config.yaml', cwd: dir, resolver: createPolicyResolver(guard) });
}
