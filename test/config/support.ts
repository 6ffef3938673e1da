import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../harness/base/errors.ts';
import type { InputIssue } from '../../harness/base/errors.ts';
import { loadConfig } from '../../harness/config/index.ts';
import type { LoadRequest, PolicyInfo, PolicyResolver, ResolvedConfig } from '../../harness/config/index.ts';

const params = z.strictObject({ threshold: z.number().min(0).max(1).default(0.5) });

function policy(
  name: string,
  capabilities: PolicyInfo['capabilities'],
  family: PolicyInfo['family'] = 'other',
) {
  return { name, family, capabilities, params } satisfies PolicyInfo;
}

const known = new Map<string, PolicyInfo>(
  [
    policy('least-loaded', { dispatches: true }),
    policy('round-robin', { dispatches: true }),
    policy('recompute', { preempts: ['recompute'] }),
    policy('swap', { preempts: ['swap'] }),
    policy('unlimited', { unlimitedMemory: true }, 'bound'),
  ].map((info) => [info.name, info]),
);

/** Made-up policies, and two plug-ins: `./mine.ts`, and `./broken.ts` that cannot be imported. */
export const resolver: PolicyResolver = {
  names: [...known.keys()],
  resolve: (use) => {
    if (use.endsWith('broken.ts')) return Promise.reject(new Error('boom on line 3'));
    if (use.endsWith('mine.ts')) return Promise.resolve(policy('mine', {}));
    return Promise.resolve(known.get(use));
  },
};

export const validText = `name: demo
seed: 7
repeats: 2
model: tiny-llama
cluster: { instances: 4, hardware: a100-80gb }
workload:
  kind: poisson
  rate: 5
  durationS: 10
  promptTokens: { dist: uniform, min: 10, max: 90 }
  outputTokens: { dist: constant, tokens: 20 }
slo: { ttftMs: 500, tpotMs: 50 }
policies:
  unlimited: [least-loaded, unlimited]
  recompute: [least-loaded, recompute]
  swap: [least-loaded, { use: swap, params: { threshold: 0.9 } }, recompute]
`;

type Options = Omit<LoadRequest, 'file' | 'resolver' | 'cwd'>;

/** Writes the text to `config.yaml` in a folder of its own and loads it from there. */
export function load(text: string, options: Options = {}): Promise<ResolvedConfig> {
  const cwd = mkdtempSync(join(tmpdir(), 'servebench-spec-'));
  writeFileSync(join(cwd, 'config.yaml'), text);
  return loadConfig({ ...options, file: 'config.yaml', resolver, cwd });
}

/** The issues that loading the text ends with; none where it loads. */
export async function issuesOf(text: string, options: Options = {}): Promise<readonly InputIssue[]> {
  try {
    await load(text, options);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.issues;
    throw error;
  }
}

/** The valid text with one line replaced. */
export function edited(from: string, to: string): string {
  if (!validText.includes(from)) throw new Error(`the valid text has no "${from}"`);
  return validText.replace(from, to);
}

/** The valid text on a device with this cold start. */
export function withColdStart(start: string): string {
  return edited(
    'a100-80gb',
    `{ memory: 1 GiB, reserve: 1 MiB, hostMemory: 1 GB, diskBandwidth: 1 GB/s,
  start: ${start},
  remapMs: 5, hostLink: { bandwidth: 2 GB/s, latencyUs: 5 }, network: { bandwidth: 1e9, latencyUs: 5 },
  compute: { peak: 1 TFLOP/s, memoryBandwidth: 10 GiB/s, layerOverheadUs: 1, stepOverheadUs: 2 } }`,
  );
}
