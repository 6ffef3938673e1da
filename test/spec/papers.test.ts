import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createRng } from '../../harness/base/rng.ts';
import { createLengthSampler, type Lengths } from '../../workloads/lengths.ts';
import { workloadSourceSchema } from '../../workloads/index.ts';

/** Mean prompt and answer, tokens: KunServe, section 5. */
const publishedLengths = {
  burstgpt: { promptTokens: 642, outputTokens: 262 },
  sharegpt: { promptTokens: 1660, outputTokens: 373 },
  longbench: { promptTokens: 5900, outputTokens: 499 },
};

const lengthsOf = {
  'ablation-fig14': publishedLengths.longbench,
  'burstgpt-14b': publishedLengths.burstgpt,
  'extreme-fig17': publishedLengths.longbench,
  'longbench-14b': publishedLengths.longbench,
  'longbench-72b': publishedLengths.longbench,
  'restore-fig16': publishedLengths.longbench,
  'sharegpt-14b': publishedLengths.sharegpt,
};

const folder = resolve(import.meta.dirname, '../../configs/papers/kunserve');
const documentSchema = z.object({
  engine: z.unknown(),
  cluster: z.unknown(),
  workload: workloadSourceSchema,
});

function read(name: string) {
  return documentSchema.parse(parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')));
}

function burstOf(name: string) {
  const { workload } = read(name);
  if (workload.kind !== 'burst') throw new Error(`${name} has no burst`);
  return workload;
}

function sampledMean(lengths: Lengths, part: 'promptTokens' | 'outputTokens'): number {
  const sampler = createLengthSampler(lengths, part);
  const rng = createRng(1, part);
  const numSamples = 200_000;
  let sum = 0;
  for (let i = 0; i < numSamples; i += 1) sum += sampler.sample(rng);
  return sum / numSamples;
}

describe("Llumnix's configurations", () => {
  const llumnix = join(folder, '../llumnix');
  const files = readdirSync(llumnix).filter((file) => file.endsWith('.yaml'));

  it.each(files)('%s has the engine and the reports of the artifact, and seeds for an interval', (file) => {
    expect(parse(readFileSync(join(llumnix, file), 'utf8'))).toMatchObject({
      repeats: 5,
      cluster: { hardware: 'a10-24gb-vllm-0.1', loadReports: 'per-step' },
      engine: { preset: 'vllm-0.1', blockSizeTokens: 16, maxRunning: 256 },
    });
  });
});

describe("Llumnix's serving load", () => {
  const serving = z.object({
    workload: z.object({ promptTokens: z.object({ name: z.string() }) }),
    policies: z.record(z.string(), z.array(z.unknown())),
  });
  const text = readFileSync(join(folder, '../llumnix/serving-fig11.yaml'), 'utf8');
  const { workload, policies } = serving.parse(parse(text));

  it.each(['llumnix', 'llumnix-no-defragment'])('migrates at 10 blocks a request in %s', (stack) => {
    // The artifact's script of figure 11 passes 10 for M-M and S-L, and 3 for the other traces.
    expect(workload.promptTokens.name).toBe('llumnix-medium');
    const params = { sourceBelowSteps: 10 * 16, targetAboveSteps: 10 * 16 };
    expect(policies[stack]?.[0]).toMatchObject({ use: 'llumnix', params });
  });
});

describe("KunServe's loads", () => {
  it('are all known here', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
    expect(files.map((file) => basename(file, '.yaml')).toSorted()).toEqual(Object.keys(lengthsOf));
  });

  it.each(Object.entries(lengthsOf))('%s has the published mean lengths', (name, published) => {
    const { promptTokens, outputTokens } = burstOf(name);
    expect(Math.abs(sampledMean(promptTokens, 'promptTokens') / published.promptTokens - 1)).toBeLessThan(
      0.015,
    );
    expect(Math.abs(sampledMean(outputTokens, 'outputTokens') / published.outputTokens - 1)).toBeLessThan(
      0.015,
    );
  });

  it.each(Object.keys(lengthsOf))('%s bursts to twice its rate', (name) => {
    expect(burstOf(name).bursts.factor).toBe(2);
  });

  it('ablates on the very load of longbench-14b', () => {
    expect(read('ablation-fig14')).toEqual(read('longbench-14b'));
  });
});
