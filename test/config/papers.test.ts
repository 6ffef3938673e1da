import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createRng } from '../../harness/base/rng.ts';
import { createLengthSampler } from '../../workloads/lengths.ts';
import type { Lengths } from '../../workloads/lengths-schema.ts';
import { workloadSourceSchema } from '../../workloads/index.ts';

/**
 * Mean prompt and answer, tokens: KunServe, section 5. Chain-of-thought: README.md (chats of a reasoning service, answers of
 * 2,000 tokens).
 */
const publishedLengths = {
  burstgpt: { promptTokens: 642, outputTokens: 262 },
  sharegpt: { promptTokens: 1660, outputTokens: 373 },
  longbench: { promptTokens: 5900, outputTokens: 499 },
  reasoning: { promptTokens: 655, outputTokens: 2000 },
};

const lengthsOf = {
  'ablation-cot-14b': publishedLengths.reasoning,
  'ablation-fig14': publishedLengths.longbench,
  'burstgpt-14b': publishedLengths.burstgpt,
  'cot-14b': publishedLengths.reasoning,
  'extreme-fig17': publishedLengths.longbench,
  'longbench-14b': publishedLengths.longbench,
  'longbench-72b': publishedLengths.longbench,
  'restore-fig16': publishedLengths.longbench,
  'sharegpt-14b': publishedLengths.sharegpt,
};

const folder = resolve(import.meta.dirname, '../../configs/papers/kunserve');
const documentSchema = z.object({
  engine: z.object({ maxRunning: z.number() }).loose(),
  cluster: z.object({ loadReports: z.unknown() }).loose(),
  workload: workloadSourceSchema,
});
const stacksSchema = z.object({ repeats: z.number(), policies: z.record(z.string(), z.array(z.unknown())) });

function text(name: string): unknown {
  return parse(readFileSync(join(folder, `${name}.yaml`), 'utf8'));
}

function read(name: string) {
  return documentSchema.parse(text(name));
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
  const file = readFileSync(join(folder, '../llumnix/serving-fig11.yaml'), 'utf8');
  const { workload, policies } = serving.parse(parse(file));

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

  it.each(Object.keys(lengthsOf))('%s bursts to twice its rate, to four times with long answers', (name) => {
    expect(burstOf(name).bursts.factor).toBe(name.includes('cot') ? 4 : 2);
  });

  it.each(Object.keys(lengthsOf))(
    '%s runs on the engine of the paper and with the load reports of its bench',
    (name) => {
      const { engine, cluster } = read(name);
      expect(engine).toMatchObject({ preset: 'vllm-v0', blockSizeTokens: 64, maxBatchTokens: 4096 });
      expect(cluster.loadReports).toEqual({ everyMs: 500 });
      // Short requests fill the memory only when more of them may run than the artifact's 256.
      expect(engine.maxRunning).toBe(name === 'burstgpt-14b' ? 512 : 256);
    },
  );

  it.each(Object.keys(lengthsOf))(
    '%s sends requests as the bench does in every stack, over five seeds or more',
    (name) => {
      const { policies, repeats } = stacksSchema.parse(text(name));
      expect(repeats).toBeGreaterThanOrEqual(5);
      for (const [stack, [first]] of Object.entries(policies)) {
        const llumnix = {
          use: 'llumnix-base',
          params: { countsSent: true, sourceBelowSteps: 3 * 64, targetAboveSteps: 3 * 64 },
        };
        const bench = { use: 'least-loaded', params: { by: 'requests' } };
        expect(first).toMatchObject(stack === 'llumnix' ? llumnix : bench);
      }
    },
  );

  it.each(['burstgpt-14b', 'cot-14b', 'longbench-14b', 'longbench-72b', 'sharegpt-14b'])(
    '%s has every baseline of the paper',
    (name) => {
      const { policies } = stacksSchema.parse(text(name));
      const baselines = ['recompute', 'swap', 'llumnix', 'static-pipeline'];
      expect(Object.keys(policies)).toEqual(expect.arrayContaining([...baselines, 'kunserve', 'unlimited']));
    },
  );

  it('ablates on the very load of longbench-14b', () => {
    expect(read('ablation-fig14')).toEqual(read('longbench-14b'));
  });
});
