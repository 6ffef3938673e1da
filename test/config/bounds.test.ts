import { describe, expect, it } from 'vitest';
import { parseOverride } from '../../harness/config/overrides.ts';
import { edited, issuesOf, load, validText } from './support.ts';

/** `line:column path: message` of every issue. */
async function complaints(text: string): Promise<readonly string[]> {
  return (await issuesOf(text)).map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );
}

/** Ten anchors, each ten times the one before. */
const bomb = [
  'a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]',
  ...Array.from({ length: 9 }, (_, index) => {
    const aliases = Array.from({ length: 10 }, () => `*a${index}`).join(', ');
    return `a${index + 1}: &a${index + 1} [${aliases}]`;
  }),
].join('\n');

describe('aliases', () => {
  it('are refused with their place where nothing has that anchor', async () => {
    expect(await complaints(edited('seed: 7', 'seed: *no'))).toEqual([
      '2:7 : there is no anchor "&no" before the alias "*no"',
    ]);
  });

  it('are refused where the anchor comes later', async () => {
    expect(await complaints(`name: *later\nseed: &later 3\n`)).toEqual([
      '1:7 : there is no anchor "&later" before the alias "*later"',
    ]);
  });

  it('are refused inside of what they stand for', async () => {
    expect(await complaints('name: &self [*self]')).toEqual([
      '1:14 : the alias "*self" stands inside of what it stands for',
    ]);
  });

  it('are refused where they multiply beyond all measure, at the alias that does', async () => {
    expect(await complaints(bomb)).toEqual([
      '6:55 : with its aliases written out the document has more than 1000000 values',
    ]);
  });

  it('may stand a few hundred times for the same mapping', async () => {
    const stacks = Array.from({ length: 300 }, (_, index) => `  s${index}: *stack`).join('\n');
    const text = `${validText}  first: &stack [least-loaded, recompute]\n${stacks}\n`;
    expect((await load(text)).stacks).toHaveLength(304);
  });

  it.each([
    ['*no', 'there is no anchor "&no" before the alias "*no"'],
    ['&a [*a]', 'the alias "*a" stands inside of what it stands for'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, 'lists and mappings may be nested 100 deep'],
  ])('of --set are held to the same: %s', (value, message) => {
    expect(parseOverride(`policies=${value}`)).toMatchObject({ path: 'policies', message });
  });

  it('deep nesting that the parser itself cannot follow is told and no crash', async () => {
    const [complaint] = await complaints(`name: ${'['.repeat(100_000)}`);
    expect(complaint).toMatch(/^\d+:\d+ : /);
  });
});

describe('bounds, told at the value', () => {
  const long = 'x'.repeat(101);
  const cases: readonly (readonly [string, string, string])[] = [
    ['name: demo', `name: ${long}`, 'must have at most 100 characters'],
    ['recompute: [', `${long}: [`, 'the name of a stack has at most 100 characters'],
    ['instances: 4', 'instances: 1e9', 'must be less than or equal to 10000, got 1000000000'],
    [
      'instances: 4',
      'instances: 4, maxInstances: 1e9',
      'must be less than or equal to 10000, got 1000000000',
    ],
    ['seed: 7', 'execution: { policyTimeoutMs: 2147483648 }', 'must be less than or equal to 86400000'],
    ['seed: 7', 'seed: 9007199254740991', 'must be less than or equal to 999999999000000'],
    ['seed: 7', 'execution: { maxDurationS: 1e300 }', 'must be less than or equal to 1000000000'],
    ['rate: 5', 'rate: 5, startS: 1e15'.replaceAll(', ', '\n  '), 'must be less than or equal to 1000000000'],
    ['rate: 5', 'rate: 5\n  startS: 4000', 'the source begins at 4000 s, and the run is cut off at 3600 s'],
    ['tokens: 20', 'tokens: 1e12', 'must be less than or equal to 1000000000, got 1000000000000'],
    [
      '{ dist: constant, tokens: 20 }',
      '{ dist: lognormal, mean: 1e-300, cv: 1 }',
      'must be greater than or equal to 1, got 1e-300',
    ],
    [
      '{ dist: constant, tokens: 20 }',
      '{ dist: lognormal, mean: 20, sigma: 1e200 }',
      'must be less than or equal to 10, got 1e+200',
    ],
    [
      'seed: 7',
      'execution: { sampleIntervalMs: 0.1 }',
      'there would be up to 1.44e+8 samples; 20000000 are possible',
    ],
    [
      'instances: 4,',
      'instances: 4, loadReports: { everyMs: 0.001 },',
      'there would be up to 3.60e+9 reports; 20000000 are possible',
    ],
    ['slo:', `thresholds: ["${'('.repeat(5000)}1 < 2"]\nslo:`, 'must have at most 1000 characters'],
    ['slo:', `thresholds: ["${'1 + '.repeat(5000)}1 < 2"]\nslo:`, 'must have at most 1000 characters'],
  ];
  it.each(cases)('%s becomes %s', async (from, to, message) => {
    const issues = await issuesOf(edited(from, to));
    expect(issues.map((issue) => issue.message).join('\n')).toContain(message);
    for (const { line, column } of issues) expect([line, column]).not.toContain(undefined);
  });

  it('a threshold of the longest length with nothing but parentheses is still read', async () => {
    const depth = 480;
    const text = `${'('.repeat(depth)}1${')'.repeat(depth)} < 2`;
    expect((await load(`${validText}thresholds: ["${text}"]\n`)).thresholds).toEqual([text]);
  });

  it('a bandwidth that no time could be computed from is refused with its bounds', async () => {
    const message = 'must lie between 1000 and 1000000000000000000 bytes per second';
    const slow = 'cluster={ instances: 1, hardware: { diskBandwidth: 1e-300 } }';
    const error = await load(validText, { overrides: [slow] }).catch((reason: unknown) => String(reason));
    expect(error).toContain(message);
  });
});

describe('steady window', () => {
  it('is in microseconds once it is resolved', async () => {
    const { steadyWindow } = await load(`${validText}steadyWindow: { startS: 2, endS: 8 }\n`);
    expect(steadyWindow).toEqual({ startUs: 2_000_000, endUs: 8_000_000 });
    expect(await load(validText)).not.toHaveProperty('steadyWindow');
  });

  it('ends after it starts', async () => {
    const [issue] = await issuesOf(`${validText}steadyWindow: { startS: 8, endS: 8 }\n`);
    expect(issue).toMatchObject({ path: 'steadyWindow.endS', message: 'must be greater than startS' });
  });
});
