import { describe, expect, it } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import { sampleGamma } from '../../workloads/arrival-process.ts';
import { arrivalsS, build, constantLengths, cvOf, gapsOf, meanOf, rootsOf } from './helpers.ts';

async function times(source: Record<string, unknown>): Promise<number[]> {
  const { workload } = await build([{ ...constantLengths, ...source }]);
  return arrivalsS(workload);
}

function countIn(values: readonly number[], fromS: number, toS: number): number {
  return values.filter((value) => value >= fromS && value < toS).length;
}

describe('arrival processes', () => {
  it.each([0.05, 0.5, 1, 4])('samples gamma variates of shape %d with their mean and variance', (shape) => {
    const rng = createRng(3, 'gamma');
    const values = Array.from({ length: 60_000 }, () => sampleGamma(shape, rng));
    expect(meanOf(values) / shape).toBeCloseTo(1, 1);
    expect(cvOf(values) / (1 / Math.sqrt(shape))).toBeCloseTo(1, 1);
  });

  it('makes Poisson arrivals of the given rate', async () => {
    const arrivals = await times({ kind: 'poisson', rate: 100, durationS: 100 });
    expect(arrivals.length / 10_000).toBeCloseTo(1, 1);
    expect(cvOf(gapsOf(arrivals))).toBeCloseTo(1, 1);
    expect(arrivals.at(-1)).toBeLessThan(100);
  });

  it.each([0, 0.5, 2, 4])('makes gamma arrivals of cv %d', async (cv) => {
    const arrivals = await times({ kind: 'gamma', rate: 10, cv, numRequests: 20_000 });
    const gaps = gapsOf(arrivals);
    expect(arrivals).toHaveLength(20_000);
    expect(meanOf(gaps) * 10).toBeCloseTo(1, 0);
    expect(Math.abs(cvOf(gaps) - cv)).toBeLessThan(0.08 * Math.max(1, cv));
  });

  it('stops at whichever bound comes first, and begins at startS', async () => {
    const byCount = await times({ kind: 'poisson', rate: 100, durationS: 100, numRequests: 5, startS: 2.5 });
    expect(byCount).toHaveLength(5);
    expect(byCount[0]).toBeGreaterThan(2.5);
    const byTime = await times({ kind: 'poisson', rate: 100, durationS: 0.25, numRequests: 5000, startS: 2 });
    expect(byTime.length).toBeLessThan(60);
    expect(byTime.at(-1)).toBeLessThan(2.25);
  });

  it('multiplies the rate inside periodic bursts only', async () => {
    const bursts = { pattern: 'periodic', factor: 5, durationS: 0.5, everyS: 2, firstS: 1 };
    const arrivals = await times({ kind: 'burst', baseRate: 1000, bursts, durationS: 4 });
    expect(countIn(arrivals, 0, 1) / 1000).toBeCloseTo(1, 0);
    expect(countIn(arrivals, 1, 1.5) / 2500).toBeCloseTo(1, 1);
    expect(countIn(arrivals, 1.5, 3) / 1500).toBeCloseTo(1, 1);
    expect(countIn(arrivals, 3, 3.5) / 2500).toBeCloseTo(1, 1);
  });

  it('begins periodic bursts after one calm stretch', async () => {
    const bursts = { pattern: 'periodic', factor: 10, durationS: 1, everyS: 4 };
    const arrivals = await times({ kind: 'burst', baseRate: 500, bursts, durationS: 4 });
    expect(countIn(arrivals, 3, 4) / 5000).toBeCloseTo(1, 1);
    expect(countIn(arrivals, 0, 3) / 1500).toBeCloseTo(1, 1);
  });

  it('puts bursts where startsS says', async () => {
    const bursts = { pattern: 'at', factor: 8, durationS: 0.25, startsS: [0, 2] };
    const arrivals = await times({ kind: 'burst', baseRate: 1000, bursts, durationS: 3, startS: 10 });
    expect(countIn(arrivals, 10, 10.25) / 2000).toBeCloseTo(1, 1);
    expect(countIn(arrivals, 12, 12.25) / 2000).toBeCloseTo(1, 1);
    expect(countIn(arrivals, 12.25, 13) / 750).toBeCloseTo(1, 0);
  });

  it('gives a Markov-modulated process its mean rate and more variance than Poisson', async () => {
    const bursts = { pattern: 'markov', factor: 10, meanBurstS: 1, meanCalmS: 3 };
    const arrivals = await times({ kind: 'burst', baseRate: 10, bursts, durationS: 2000 });
    expect(arrivals.length / (2000 * 10 * (0.75 + 0.25 * 10))).toBeCloseTo(1, 1);
    const perSecond = Array.from({ length: 2000 }, () => 0);
    for (const time of arrivals) perSecond[Math.floor(time)]! += 1;
    expect(cvOf(perSecond) ** 2 * meanOf(perSecond)).toBeGreaterThan(5);
  });

  it('gives each class its share of one arrival process', async () => {
    const source = { kind: 'gamma', rate: 10, cv: 4, numRequests: 20_000, ...constantLengths };
    const { workload } = await build([{ ...source, otherClasses: { interactive: 0.1 } }]);
    const requests = rootsOf(workload);
    const high = requests.filter(({ className }) => className === 'interactive');
    expect(high.length / 20_000).toBeGreaterThan(0.095);
    expect(high.length / 20_000).toBeLessThan(0.105);
    expect(requests.filter(({ className }) => className === 'default')).toHaveLength(20_000 - high.length);
    expect(arrivalsS(workload)).toEqual(await times(source));
  });

  it('keeps gamma gaps bursty inside bursts', async () => {
    const bursts = { pattern: 'at', factor: 10, durationS: 50, startsS: [0] };
    const gaps = { dist: 'gamma', cv: 3 };
    const arrivals = await times({ kind: 'burst', baseRate: 20, bursts, gaps, durationS: 50 });
    expect(cvOf(gapsOf(arrivals))).toBeGreaterThan(2.5);
  });
});
