import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeWorkload, renderDescription, workloadSourceSchema } from '../../workloads/index.ts';
import { build, constantLengths } from './helpers.ts';

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

describe('describeWorkload', () => {
  it('finds the published figures of the Azure code burst', async () => {
    const source = { kind: 'trace', path: 'azure2023_code_burst_840-980s.csv', format: 'azure' };
    const description = describeWorkload((await build([source])).workload);
    expect(description.numRequests).toBe(931);
    expect(description.peaks.map(({ windowS, count }) => [windowS, count])).toEqual([
      [0.5, 44],
      [1, 72],
      [10, 415],
    ]);
    expect(description.meanRate).toBeCloseTo(931 / 84.861861, 6);
    expect(description.promptTokens.max).toBe(7437);
    expect(description.kv.peakAtS).toBeGreaterThan(12);
    expect(description.kv.peakAtS).toBeLessThan(16);
  });

  it('counts requests and tokens in bins that add up', async () => {
    const source = { kind: 'poisson', rate: 100, durationS: 3, startS: 1, ...constantLengths };
    const { series, numRequests, promptTokens } = describeWorkload((await build([source])).workload);
    expect(series.binS).toBe(0.1);
    expect(series.arrivals.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 0));
    expect(sum(series.arrivals)).toBe(numRequests);
    expect(sum(series.promptTokens)).toBe(promptTokens.total);
    expect(sum(series.outputTokens)).toBe(numRequests * 5);
    expect(series.startS).toHaveLength(series.kvTokens.length);
    expect(describeWorkload((await build([source])).workload).interArrivalCv).toBeCloseTo(1, 0);
  });

  it('computes the KV demand of overlapping requests by hand', async () => {
    // Arrivals at 1, 2 and 3 s; prompt 10, answer 20 tokens at 10 tokens/s: two at once, each alive for 2 s.
    const lengths = {
      promptTokens: { dist: 'constant', tokens: 10 },
      outputTokens: { dist: 'constant', tokens: 20 },
    };
    const source = { kind: 'gamma', cv: 0, rate: 1, numRequests: 3, ...lengths };
    const { kv, series } = describeWorkload((await build([source])).workload, {
      decodeTokensPerS: 10,
      maxBins: 3,
    });
    expect(series.binS).toBe(2);
    // At 2 s the first holds its prompt and ten tokens, the second its prompt.
    expect(series.kvTokens[0]).toBe(30);
    // Just before 3 s the first holds 30 and the second 20; the third brings 10 as the first goes.
    expect(kv).toMatchObject({ peakTokens: 60, peakAtS: 3, peakRunning: 3 });
    expect(kv.meanTokens).toBeCloseTo((15 + (20 + 10 + 30 + 20) / 2) / 2, 6);
    expect(kv.meanRunning).toBeCloseTo(1.5, 6);
  });

  it('follows conversations and closed loops at the assumed speed, and cancels spare branches', async () => {
    const lengths = {
      promptTokens: { dist: 'constant', tokens: 1 },
      outputTokens: { dist: 'constant', tokens: 10 },
    };
    const loop = { kind: 'closed-loop', clients: 1, numRequests: 4, ...lengths };
    const chained = describeWorkload((await build([loop])).workload, { decodeTokensPerS: 10 });
    expect(chained).toMatchObject({ numFollowers: 3, durationS: 3, chains: { count: 1, maxTurns: 4 } });
    const branches = {
      kind: 'chain-of-thought',
      rate: 1,
      numRequests: 1,
      branches: { count: 16, needed: 1 },
      outputTokens: { dist: 'empirical', values: [10, 1000] },
    };
    const description = describeWorkload((await build([branches])).workload, { decodeTokensPerS: 10 });
    expect(description.jobs).toEqual({ count: 1, meanBranches: 16, meanNeeded: 1 });
    expect(description.kv.peakAtS).toBeLessThan(10);
  });

  it('shares requests by class', async () => {
    const metronome = { kind: 'gamma', cv: 0, rate: 1, ...constantLengths };
    const sources = [
      { ...metronome, numRequests: 3 },
      { ...metronome, numRequests: 1, class: 'interactive', outputTokens: { dist: 'constant', tokens: 15 } },
    ];
    expect(describeWorkload((await build(sources)).workload).classes).toEqual([
      { name: 'default', numRequests: 3, requestRatio: 0.75, outputTokensRatio: 0.5 },
      { name: 'interactive', numRequests: 1, requestRatio: 0.25, outputTokensRatio: 0.5 },
    ]);
  });

  it('describes a single request', async () => {
    const source = { kind: 'gamma', cv: 0, rate: 1, numRequests: 1, ...constantLengths };
    const description = describeWorkload((await build([source])).workload);
    expect(description).toMatchObject({ meanRate: undefined, interArrivalCv: undefined, peaks: [] });
    expect(renderDescription(description)).toContain('all at once');
  });
});

describe('renderDescription', () => {
  it('prints a table and bars that fit 100 columns', async () => {
    const bursts = { pattern: 'periodic', factor: 5, durationS: 0.5, everyS: 2 };
    const source = { kind: 'burst', baseRate: 50, bursts, durationS: 4, ...constantLengths };
    const text = renderDescription(describeWorkload((await build([source])).workload));
    const lines = text.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).toMatch(/^requests {10}\d+$/mu);
    expect(text).toMatch(/^peak in 0\.5 s {5}\d+ requests, [\d.]+ x mean$/mu);
    expect(lines.filter((line) => line.includes('█')).length).toBeGreaterThan(15);
  });
});

describe('workloads/README.md', () => {
  it('shows only sources that the schema takes', async () => {
    const text = await readFile(new URL('../../workloads/README.md', import.meta.url), 'utf8');
    const sources = [...text.matchAll(/```yaml\n(.*?)```/gsu)].flatMap(
      ([, yaml]) => parse(yaml!) as unknown[],
    );
    expect(sources.length).toBeGreaterThanOrEqual(11);
    for (const source of sources) expect(workloadSourceSchema.safeParse(source).error).toBeUndefined();
  });
});
