import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { buildWorkload, workloadSourceSchema } from '../../workloads/index.ts';
import { arrivalsS, cvOf, everyRequest, gapsOf, meanOf } from './helpers.ts';

const papers = resolve(import.meta.dirname, '../../configs/papers');
const documentSchema = z.object({
  workload: z.union([workloadSourceSchema.transform((source) => [source]), z.array(workloadSourceSchema)]),
  classes: z.array(z.object({ name: z.string() })).default([{ name: 'default' }]),
});

async function requestsOf(file: string) {
  const { workload: sources, classes } = documentSchema.parse(
    parse(readFileSync(join(papers, file), 'utf8')),
  );
  const { workload } = await buildWorkload({
    sources,
    classes: classes.map(({ name }) => ({ name, priority: 0, slo: {} })),
    seed: 1,
    baseDir: papers,
  });
  return workload;
}

/** Tokens of KV that LLaMA-7B has on an A10 (Llumnix, section 6.1). */
const a10Tokens = 13_616;

describe("Llumnix's loads", () => {
  const files = readdirSync(join(papers, 'llumnix')).filter((name) => name.endsWith('.yaml'));

  it.each(files)('%s: every request fits into one A10', async (file) => {
    const requests = everyRequest(await requestsOf(`llumnix/${file}`));
    for (const { promptTokens, outputTokens } of requests) {
      expect(promptTokens + outputTokens).toBeLessThan(a10Tokens);
    }
  });

  it.each([
    ['autoscaling-fig14', 2, 1, 512],
    ['serving-fig11', 7.7, 1, 256],
    ['priorities-fig13', 26, 4, 128],
  ])('%s: 10,000 requests at the printed rate, cv and mean length', async (name, rate, cv, mean) => {
    const workload = await requestsOf(`llumnix/${name}.yaml`);
    const requests = everyRequest(workload);
    expect(requests).toHaveLength(10_000);
    const gaps = gapsOf(arrivalsS(workload));
    expect(Math.abs(meanOf(gaps) * rate - 1)).toBeLessThan(0.1);
    expect(Math.abs(cvOf(gaps) / cv - 1)).toBeLessThan(0.1);
    for (const part of ['promptTokens', 'outputTokens'] as const) {
      expect(Math.abs(meanOf(requests.map((request) => request[part])) / mean - 1)).toBeLessThan(0.08);
    }
  });

  it('priorities-fig13: a tenth of the requests is of high priority', async () => {
    const requests = everyRequest(await requestsOf('llumnix/priorities-fig13.yaml'));
    const numHigh = requests.filter(({ className }) => className === 'high').length;
    expect(Math.abs(numHigh / 1000 - 1)).toBeLessThan(0.1);
  });
});

describe("Chiron's load", () => {
  it('has bursts to three times the rate, and one job that arrives at once', async () => {
    const workload = await requestsOf('chiron/mixed-8b.yaml');
    const requests = everyRequest(workload);
    const timesS = (name: string) =>
      requests.flatMap(({ className, arrival }) =>
        className === name && arrival.kind === 'at' ? [arrival.timeUs / 1e6] : [],
      );
    expect(new Set(timesS('batch'))).toEqual(new Set([60]));
    const numIn = (fromS: number) =>
      timesS('interactive').filter((time) => time >= fromS && time < fromS + 60).length;
    expect(numIn(120) / numIn(0)).toBeCloseTo(3, 0);
    expect(numIn(120) / 60).toBeGreaterThan(80);
  });
});
