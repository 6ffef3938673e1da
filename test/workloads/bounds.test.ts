import { writeFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../harness/base/errors.ts';
import { build, constantLengths, fixturesDir } from './helpers.ts';

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

const burst = { kind: 'burst', baseRate: 10, ...constantLengths };
const question = { kind: 'chain-of-thought', rate: 1, ...constantLengths };

describe('what would be planned is counted before it is', () => {
  it.each([
    [
      'bursts every nanosecond',
      { ...burst, durationS: 10, bursts: { pattern: 'periodic', factor: 2, durationS: 1e-10, everyS: 1e-9 } },
      'workload.0.bursts: the source would have 1.00e+10 bursts; 20000000 are possible',
    ],
    [
      'bursts every nanosecond, bounded by their requests',
      {
        ...burst,
        numRequests: 100,
        bursts: { pattern: 'periodic', factor: 1, durationS: 1e-10, everyS: 1e-9 },
      },
      'workload.0.bursts: the source would have 1.00e+10 bursts; 20000000 are possible',
    ],
    [
      'Markov times of a picosecond',
      {
        ...burst,
        durationS: 1,
        bursts: { pattern: 'markov', factor: 2, meanBurstS: 1e-12, meanCalmS: 1e-12 },
      },
      'workload.0.bursts: the source would have 5.00e+11 bursts; 20000000 are possible',
    ],
    [
      'conversations without end',
      { ...question, durationS: 1e5, followUps: { probability: 1, maxTurns: 10_000, ...constantLengths } },
      'workload.0: the source would plan 1.00e+9 requests; 20000000 are possible',
    ],
  ])('%s', async (_, { outputTokens, ...source }, message) => {
    const followUps =
      'followUps' in source ? { followUps: { ...source.followUps, outputTokens: undefined } } : {};
    if ('followUps' in followUps) Reflect.deleteProperty(followUps.followUps, 'outputTokens');
    expect(await failure(build([{ ...source, ...followUps, outputTokens }]))).toContain(message);
  });

  it('rows that scaleRate repeats', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'rows-'));
    const rows = Array.from({ length: 20_001 }, (_, index) => `${index},1,1`).join('\n');
    await writeFile(join(dir, 'rows.csv'), `t,p,o\n${rows}\n`);
    const format = { time: 's', columns: { time: 't', promptTokens: 'p', outputTokens: 'o' } };
    const source = { kind: 'trace', path: 'rows.csv', format, scaleRate: 1000 };
    expect(await failure(build([source], { baseDir: dir }))).toContain(
      'workload.0: the trace would give 2.00e+7 requests; 20000000 are possible',
    );
  });

  it('lengths of a trace never pass what a column holds', async () => {
    const source = {
      kind: 'trace',
      path: 'BurstGPT_1.head100.csv',
      format: 'burstgpt',
      promptTokens: { dist: 'constant', tokens: 1_000_000_000 },
      lengthScale: { output: 1000 },
    };
    const { workload } = await build([source], { baseDir: fixturesDir });
    expect(workload.arrivals().next().value?.promptTokens).toBe(1_000_000_000);
  });

  it('a trace with another hash than the configuration says', async () => {
    const source = {
      kind: 'trace',
      path: 'BurstGPT_1.head100.csv',
      format: 'burstgpt',
      sha256: '0'.repeat(64),
    };
    expect(await failure(build([source]))).toMatch(
      /workload\.0\.sha256: the file has the SHA-256 [0-9a-f]{64}/,
    );
  });
});
