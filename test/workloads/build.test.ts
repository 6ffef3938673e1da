import { describe, expect, it } from 'vitest';
import { InputError } from '../../harness/base/errors.ts';
import { workloadSourceSchema } from '../../workloads/index.ts';
import * as fc from '../fast-check.ts';
import {
  anonymous,
  arrivalsS,
  build,
  constantLengths,
  cvOf,
  everyRequest,
  gapsOf,
  meanOf,
  rootsOf,
} from './helpers.ts';

const lengths = {
  promptTokens: { dist: 'lognormal', median: 60, sigma: 1 },
  outputTokens: { dist: 'lognormal', median: 30, sigma: 1 },
};
const burst = {
  kind: 'burst',
  baseRate: 20,
  bursts: { pattern: 'markov', factor: 5, meanBurstS: 0.5, meanCalmS: 1 },
  durationS: 5,
  ...lengths,
};
const poisson = { kind: 'poisson', rate: 30, durationS: 5, class: 'interactive', ...lengths };
const conversations = {
  kind: 'chain-of-thought',
  rate: 5,
  durationS: 5,
  followUps: { probability: 0.6, thinkS: 1, promptTokens: { dist: 'uniform', min: 1, max: 20 } },
};
const branches = { kind: 'chain-of-thought', rate: 3, durationS: 5, branches: { count: 4, needed: 3 } };
const closedLoop = { kind: 'closed-loop', clients: 3, numRequests: 10, thinkS: 0.5, ...lengths };
const trace = {
  kind: 'trace',
  path: 'azure2023_code_burst_840-980s.csv',
  format: 'azure',
  window: { startS: 20 },
  compressTime: 20,
};
const everySource = [burst, poisson, conversations, branches, closedLoop, trace];

async function arrivalsOf(source: object): Promise<unknown[]> {
  return everyRequest((await build([source])).workload).map(({ arrival }) => arrival);
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  const covariance = meanOf(a.map((value, index) => (value - meanA) * (b[index]! - meanB)));
  return covariance / (cvOf(a) * meanA * cvOf(b) * meanB);
}

describe('buildWorkload', () => {
  it('gives the same requests for the same seed, and others for another', async () => {
    const first = everyRequest((await build(everySource, { seed: 5 })).workload);
    const again = everyRequest((await build(everySource, { seed: 5 })).workload);
    const other = everyRequest((await build(everySource, { seed: 6 })).workload);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('gives a fresh iterator for every run', async () => {
    const { workload } = await build(everySource);
    expect(rootsOf(workload)).toEqual(rootsOf(workload));
  });

  it('leaves a source alone when sources are added behind it', async () => {
    const alone = everyRequest((await build([burst])).workload).map(anonymous);
    const together = everyRequest((await build([burst, poisson, closedLoop])).workload);
    const ofClass = together.filter(
      ({ className, arrival }) => className === 'default' && arrival.kind === 'at',
    );
    for (const request of alone) expect(ofClass.map(anonymous)).toContainEqual(request);
    const interactive = together.filter(({ className }) => className === 'interactive').map(anonymous);
    const second = everyRequest((await build([closedLoop, poisson])).workload)
      .filter(({ className }) => className === 'interactive')
      .map(anonymous);
    expect(interactive).toEqual(second);
  });

  it('does not shift arrivals when lengths change', async () => {
    expect(await arrivalsOf({ ...burst, ...constantLengths })).toEqual(await arrivalsOf(burst));
  });

  it('draws arrivals, prompts and answers independently', async () => {
    const source = { kind: 'poisson', rate: 1, numRequests: 4000, ...lengths };
    const requests = everyRequest((await build([source])).workload);
    const gaps = gapsOf(arrivalsS((await build([source])).workload));
    const prompts = requests.map(({ promptTokens }) => Math.log(promptTokens));
    const outputs = requests.map(({ outputTokens }) => Math.log(outputTokens));
    expect(Math.abs(correlation(prompts, outputs))).toBeLessThan(0.08);
    expect(Math.abs(correlation(gaps, prompts.slice(1)))).toBeLessThan(0.08);
  });

  it('merges ties in the order of the sources', async () => {
    const metronome = { kind: 'gamma', rate: 10, cv: 0, numRequests: 3, ...constantLengths };
    const { workload } = await build([metronome, { ...metronome, class: 'interactive' }]);
    expect(rootsOf(workload).map(({ className }) => className)).toEqual(
      Array.from({ length: 3 }, () => ['default', 'interactive']).flat(),
    );
  });

  it('keeps dense ids, rising times, positive tokens and answers within the limit, whatever the mix', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(everySource, { minLength: 1 }),
        fc.integer({ min: 0, max: 2 ** 31 }),
        async (sources, seed) => {
          const { workload } = await build(sources, { seed });
          const requests = everyRequest(workload);
          expect(requests.map(({ id }) => id)).toEqual(requests.map((_, index) => index));
          expect(requests).toHaveLength(workload.numRequests);
          const times = rootsOf(workload).map(({ arrival }) =>
            arrival.kind === 'at' ? arrival.timeUs : Number.NaN,
          );
          expect(times.filter((timeUs) => !Number.isSafeInteger(timeUs))).toEqual([]);
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          const wrong = requests.filter(
            ({ promptTokens, outputTokens, outputLimitTokens }) =>
              promptTokens < 1 || outputTokens < 1 || outputTokens > outputLimitTokens,
          );
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('never tells the true answer length through the limit', async () => {
    const { workload } = await build([burst]);
    expect(new Set(everyRequest(workload).map(({ outputLimitTokens }) => outputLimitTokens)).size).toBe(1);
  });

  it('ends answers at an explicit limit', async () => {
    const { workload } = await build([{ ...poisson, outputLimitTokens: 8 }]);
    const requests = everyRequest(workload);
    expect(Math.max(...requests.map(({ outputTokens }) => outputTokens))).toBe(8);
    expect(requests.every(({ outputLimitTokens }) => outputLimitTokens === 8)).toBe(true);
  });

  it('names an unknown class, all at once, with the nearest', async () => {
    const wrong = { ...poisson, class: 'interactiv' };
    const error: unknown = await build([wrong, wrong]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).issues).toHaveLength(2);
    expect(String(error)).toContain('did you mean "interactive"?');
    expect(String(error)).toContain('workload.1.class');
  });

  it('names an unknown class among the others', async () => {
    const error: unknown = await build([{ ...poisson, otherClasses: { defualt: 0.1 } }]).catch(
      (reason: unknown) => reason,
    );
    expect(String(error)).toContain('workload.0.otherClasses.defualt');
    expect(String(error)).toContain('did you mean "default"?');
  });

  it("refuses shares that leave nothing to the source's own class", () => {
    const source = { ...poisson, otherClasses: { default: 0.6, batch: 0.4 } };
    expect(workloadSourceSchema.safeParse(source).error?.message).toContain('leave some to class');
  });

  it('warns of a source without requests, and refuses a workload without any', async () => {
    const silent = { ...poisson, rate: 0.001, durationS: 0.001 };
    const { warnings } = await build([silent, burst]);
    expect(warnings).toEqual(['workload.0 (poisson) plans no request']);
    await expect(build([silent])).rejects.toThrow('no request would arrive');
  });

  it.each([
    { kind: 'gamma', rate: 1_000_000, cv: 0, durationS: 1e9, ...constantLengths },
    { ...burst, baseRate: 1e6, bursts: { ...burst.bursts, factor: 1e6 } },
    { ...branches, durationS: 1e8 },
  ])('refuses at once a plan that would fill the memory', async (flood) => {
    await expect(build([flood])).rejects.toThrow('20000000 are possible');
  });

  it('bounds the number of requests that is asked for', () => {
    const flood = { ...closedLoop, numRequests: 20_000_001 };
    expect(workloadSourceSchema.safeParse(flood).error?.message).toContain('20000000');
  });
});

describe('workloadSourceSchema', () => {
  it.each([
    [{ kind: 'brust' }, 'kind'],
    [{ ...poisson, rate: -1 }, 'rate'],
    [{ ...poisson, ratte: 1 }, 'ratte'],
    [{ kind: 'poisson', rate: 1, ...lengths }, 'numRequests or durationS is needed'],
    [
      { ...burst, bursts: { pattern: 'periodic', factor: 2, durationS: 2, everyS: 1 } },
      'everyS must be above',
    ],
    [{ ...burst, bursts: { pattern: 'at', factor: 2, durationS: 2, startsS: [0, 1] } }, 'startsS must rise'],
    [{ ...conversations, branches: { count: 2 } }, 'exclude each other'],
    [{ ...branches, branches: { count: 2, needed: 3 } }, 'needed must not be above count'],
    [{ ...trace, window: { startS: 5, endS: 4 } }, 'endS must be above startS'],
    [{ ...trace, window: { endS: 4, durationS: 1 } }, 'exclude each other'],
    [
      { ...trace, format: { time: 's', columns: { time: 0, promptTokens: 'p', outputTokens: 2 } } },
      'all names or all',
    ],
    [{ kind: 'closed-loop', clients: 3, ...lengths }, 'numRequests'],
  ])('refuses %j', (source, message) => {
    const result = workloadSourceSchema.safeParse(source);
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).toContain(message);
  });
});
