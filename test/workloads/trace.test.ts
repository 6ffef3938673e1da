import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../harness/base/errors.ts';
import { type TraceReport, traceSourceOf } from '../../workloads/index.ts';
import { parseTime } from '../../workloads/traces/values.ts';
import { arrivalsS, build, fixturesDir, rootsOf } from './helpers.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'traces-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

interface Replay {
  readonly rows: { timeS: number; prompt: number; output: number }[];
  readonly report: TraceReport;
  readonly warnings: readonly string[];
}

async function replay(options: object, baseDir = fixturesDir): Promise<Replay> {
  const { workload, traces, warnings } = await build([{ kind: 'trace', ...options }], { baseDir });
  const times = arrivalsS(workload);
  const rows = rootsOf(workload).map(({ promptTokens, outputTokens }, index) => ({
    timeS: times[index]!,
    prompt: promptTokens,
    output: outputTokens,
  }));
  return { rows, report: traces[0]!, warnings };
}

async function replayText(text: string, options: object = { format: 'azure' }): Promise<Replay> {
  await writeFile(join(dir, 'made-up'), text);
  return await replay({ path: 'made-up', ...options }, dir);
}

async function failure(promise: Promise<unknown>): Promise<InputError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return error as InputError;
}

const azure = 'azure2023_code_burst_840-980s.csv';
const header = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const plain = { format: { time: 's', columns: { time: 't', promptTokens: 'p', outputTokens: 'o' } } };

function timestampRow(timestamp: number): string {
  return `{"timestamp": ${timestamp}, "input_length": 5, "output_length": 2}`;
}

function promptRow(length: number, ids: string): string {
  return `{"timestamp": 0, "input_length": ${length}, "output_length": 2, "hash_ids": [${ids}]}\n`;
}

describe('excerpts of real traces', () => {
  it.each([
    { path: azure, format: 'azure', first: [0, 327, 6], last: [84.861861, 7435, 9], numRequests: 931 },
    {
      path: 'azure2024_code_1week.head5.csv',
      format: 'azure',
      first: [0, 2162, 5],
      last: [0.07396, 7670, 8],
      numRequests: 5,
    },
    {
      path: 'azure2024_conv_1week.head5.csv',
      format: 'azure',
      first: [0, 1452, 3],
      last: [0.247116, 617, 104],
      numRequests: 5,
    },
    {
      path: 'azure2025_multimodal.head5.csv',
      format: 'azure',
      first: [0, 770, 491],
      last: [7.297, 1724, 28],
      numRequests: 5,
    },
    {
      path: 'BurstGPT_1.head100.csv',
      format: 'burstgpt',
      first: [0, 472, 18],
      last: [28566, 1035, 227],
      numRequests: 95,
    },
    {
      path: 'BurstGPT_3.head66.csv',
      format: 'burstgpt',
      first: [0, 906, 446],
      last: [17_720, 1378, 91],
      numRequests: 66,
    },
    {
      path: 'mooncake_synthetic.head12.jsonl',
      format: 'mooncake',
      first: [0, 16_525, 12],
      last: [2.247, 2711, 12],
      numRequests: 12,
    },
    {
      path: 'mooncake_toolagent_style.sample.jsonl',
      format: 'mooncake',
      first: [0, 6955, 52],
      last: [1157.252, 6168, 36],
      numRequests: 10,
    },
    {
      path: 'qwen_bailian.sample.jsonl',
      format: 'qwen-bailian',
      first: [0, 502, 1494],
      last: [0, 502, 1494],
      numRequests: 1,
    },
  ])('$path as $format: $numRequests requests', async ({ path, format, numRequests, first, last }) => {
    const { rows, report } = await replay({ path, format });
    expect(rows).toHaveLength(numRequests);
    expect(report).toMatchObject({ file: path, numRequests, numInWindow: numRequests });
    expect(report.numRows).toBe(numRequests + report.skipped.count);
    expect(Object.values(rows[0]!)).toEqual(first);
    expect(Object.values(rows.at(-1)!)).toEqual(last);
    const { source } = await traceSourceOf(path, fixturesDir);
    expect(source).toMatchObject({ kind: 'trace', path, format });
  });

  it('records the hash of the file', async () => {
    const { report } = await replay({ path: azure, format: 'azure', window: { startS: 1, durationS: 1 } });
    const bytes = await readFile(join(fixturesDir, azure));
    expect(report.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('reports BurstGPT failures with their lines', async () => {
    const { report, warnings } = await replay({ path: 'BurstGPT_1.head100.csv', format: 'burstgpt' });
    expect(report.skipped.rows.map(({ line }) => line)).toEqual([22, 40, 42, 43, 83]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('skipped 5 of 100 rows (line 22: Request tokens is 0');
  });
});

describe('syntax of traces', () => {
  const lines = [header, '2023-11-16 18:17:03.9799600,4808,10', '2023-11-16 18:17:04.0000000,110,27'];
  const expected = [
    { timeS: 0, prompt: 4808, output: 10 },
    { timeS: 0.02004, prompt: 110, output: 27 },
  ];

  it.each([
    ['LF', `${lines.join('\n')}\n`],
    ['CRLF', `${lines.join('\r\n')}\r\n`],
    ['no final newline', lines.join('\n')],
    ['CRLF without a final newline', lines.join('\r\n')],
    ['a byte order mark', `\uFEFF${lines.join('\n')}`],
    ['blank lines', `${lines.join('\n\n')}\n\n`],
    ['spaces and quotes', `${header}\n"2023-11-16 18:17:03.97996", 4808 ,"10"\n2023-11-16 18:17:04,110,27`],
  ])('reads %s', async (_, text) => {
    const { rows, report } = await replayText(text);
    expect(rows).toEqual(expected);
    expect(report.skipped.count).toBe(0);
  });

  it('reads JSON lines with CRLF, a byte order mark, blank lines and no final newline', async () => {
    const text = `\uFEFF${timestampRow(0)}\r\n\r\n${timestampRow(3000)}`;
    const { rows } = await replayText(text, { format: 'mooncake' });
    expect(rows.map(({ timeS }) => timeS)).toEqual([0, 3]);
  });

  it.each([
    ['2024-05-10 00:00:01+00:00', 1],
    ['2024-05-10 00:00:01.25+00:00', 1.25],
    ['2024-05-10T00:00:01.500Z', 1.5],
    ['2024-05-10 00:00:01.000001', 1.000001],
    ['2024-05-10 00:00:01.0000010', 1.000001],
    ['2024-05-10 02:00:01+02:00', 1],
    ['2024-05-09T18:30:01-05:30', 1],
  ])('reads the time %s', (text, seconds) => {
    const parsed = parseTime(text, 'datetime', 'TIMESTAMP');
    const startUs = Date.UTC(2024, 4, 10) * 1000;
    expect('value' in parsed && Math.round(parsed.value - startUs)).toBe(Math.round(seconds * 1e6));
  });

  it.each(['2024-06-31 00:00:00', '2024-05-10 25:00:00', '2024-05-10', 'yesterday', '', '17'])(
    'refuses the time "%s"',
    (text) => {
      expect(parseTime(text, 'datetime', 'TIMESTAMP')).toHaveProperty('reason');
    },
  );

  it.each([
    ['s', '19440110.0', 19_440_110_000_000],
    ['ms', '833147', 833_147_000],
    ['us', '12', 12],
    ['100ns', '17000000001234567', 1_700_000_000_123_456],
    ['ns', '1700000000123456789', 1_700_000_000_123_456],
    ['s', '1e3', 1_000_000_000],
  ] as const)('reads a time in %s', (unit, text, us) => {
    expect(parseTime(text, unit, 't')).toEqual({ value: us });
  });

  it('reads files without header by position, with another delimiter', async () => {
    const columns = { time: 1, promptTokens: 0, outputTokens: 2 };
    const format = { time: 'ms', delimiter: ';', columns };
    const { rows } = await replayText('7;1000;3\n8;2500;4\n', { format });
    expect(rows).toEqual([
      { timeS: 0, prompt: 7, output: 3 },
      { timeS: 1.5, prompt: 8, output: 4 },
    ]);
  });
});

describe('bad rows', () => {
  it('reports each with its line, counts all, keeps the rest', async () => {
    const { rows, report, warnings } = await replayText(
      't,p,o\n1,5,5\nx,5,5\n\n2,0,5\n3,5,0\n4,-1,5\n5,1.5,5\n6,5\n"7\n8",5,5\n9,2.0,3.0\n',
      plain,
    );
    expect(rows).toEqual([
      { timeS: 0, prompt: 5, output: 5 },
      { timeS: 8, prompt: 2, output: 3 },
    ]);
    expect(report.numRows).toBe(9);
    expect(report.skipped).toEqual({
      count: 7,
      rows: [
        { line: 3, reason: 't "x" is not a number of s' },
        { line: 5, reason: 'p is 0: a failed or empty request' },
        { line: 6, reason: 'o is 0: a failed or empty request' },
        { line: 7, reason: 'p "-1" is not a number of tokens' },
        { line: 8, reason: 'p "1.5" is not a number of tokens' },
        { line: 9, reason: 'o (missing) is not a number of tokens' },
        { line: 11, reason: 't "7\n8" is not a number of s' },
      ],
    });
    expect(warnings[0]).toContain('skipped 7 of 9 rows');
  });

  it('keeps the first twenty of many', async () => {
    const { report } = await replayText(`t,p,o\n1,1,1\n${'2,x,1\n'.repeat(50)}`, plain);
    expect(report.skipped.count).toBe(50);
    expect(report.skipped.rows).toHaveLength(20);
  });

  it('reports broken JSON lines', async () => {
    const good = '{"timestamp": 0, "input_length": 5, "output_length": 2}';
    const { report } = await replayText(`${good}\n{"timestamp": 1,\n[]\n3\n`, { format: 'mooncake' });
    expect(report.skipped.rows.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(report.skipped.rows[0]!.reason).toBe('not a JSON object');
  });

  it('sorts rows out of order, says so, and keeps ties in the order of the file', async () => {
    const { rows, report, warnings } = await replayText('t,p,o\n5,1,1\n3,2,1\n5,3,1\n3,4,1\n', plain);
    expect(rows.map(({ prompt }) => prompt)).toEqual([2, 4, 1, 3]);
    expect(report.numOutOfOrder).toBe(2);
    expect(warnings).toEqual(['made-up: 2 rows were out of order and have been sorted by time']);
  });
});

describe('options of a trace', () => {
  const seconds = `t,p,o\n${Array.from({ length: 100 }, (_, index) => `${index + 50},${index + 1},10\n`).join('')}`;

  it('cuts a window, which becomes the start', async () => {
    const window = { startS: 10.5, endS: 20 };
    const { rows, report } = await replayText(seconds, { ...plain, window, startS: 2 });
    expect(rows.map(({ timeS }) => timeS)).toEqual([2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5]);
    expect(report.numInWindow).toBe(9);
  });

  it('takes the first numRequests', async () => {
    const { rows } = await replayText(seconds, { ...plain, numRequests: 3 });
    expect(rows.map(({ prompt }) => prompt)).toEqual([1, 2, 3]);
  });

  it('repeats arrivals in the manner of TraceUpscaler', async () => {
    const { rows } = await replayText(seconds, { ...plain, scaleRate: 3 });
    expect(rows).toHaveLength(300);
    expect(rows.slice(0, 3).map(({ timeS }) => timeS)).toEqual([0, 0, 0]);
    const { rows: more } = await replay({ path: azure, format: 'azure', scaleRate: 2.5 });
    expect(more.length / 931).toBeGreaterThan(2.4);
    expect(more.length / 931).toBeLessThan(2.6);
    const { rows: fewer } = await replay({ path: azure, format: 'azure', scaleRate: 0.4 });
    expect(fewer.length / 931).toBeGreaterThan(0.35);
    expect(fewer.length / 931).toBeLessThan(0.45);
  });

  it('compresses time', async () => {
    const { rows } = await replayText(seconds, { ...plain, compressTime: 10 });
    expect(rows).toHaveLength(100);
    expect(rows.at(-1)!.timeS).toBe(9.9);
  });

  it('jitters within the step, copies too, and keeps the order of time', async () => {
    const { rows } = await replayText(seconds, { ...plain, scaleRate: 2, jitterS: 1 });
    const times = rows.map(({ timeS }) => timeS);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBeGreaterThan(195);
    for (const { timeS, prompt } of rows) expect(Math.floor(timeS)).toBe(prompt - 1);
  });

  it('scales lengths, to at least one token', async () => {
    const { rows } = await replayText(seconds, { ...plain, lengthScale: { prompt: 0.1, output: 2.5 } });
    expect(rows[0]).toMatchObject({ prompt: 1, output: 25 });
    expect(rows.at(-1)!.prompt).toBe(10);
  });

  it('cuts overlong requests and counts them', async () => {
    const caps = { maxPromptTokens: 90, maxTotalTokens: 95, maxOutputTokens: 8 };
    const { rows, report, warnings } = await replayText(seconds, { ...plain, ...caps });
    expect(rows).toHaveLength(100);
    expect(rows.at(-1)).toMatchObject({ prompt: 87, output: 8 });
    expect(report.numOverlong).toBe(100);
    expect(warnings).toEqual(['made-up: 100 requests cut to the maximum length']);
  });

  it('drops overlong requests and counts them', async () => {
    const { rows, report } = await replayText(seconds, { ...plain, maxPromptTokens: 90, overlong: 'drop' });
    expect(rows).toHaveLength(90);
    expect(report).toMatchObject({ numOverlong: 10, numRequests: 90 });
  });

  it('replaces lengths, and leaves the arrivals', async () => {
    const other = { promptTokens: { dist: 'constant', tokens: 7 } };
    const { rows } = await replayText(seconds, { ...plain, ...other });
    expect(new Set(rows.map(({ prompt }) => prompt))).toEqual(new Set([7]));
    expect(rows.map(({ output }) => output)).toEqual(rows.map(() => 10));
  });

  it('takes the longest replayed answer as limit, or the given one', async () => {
    const { workload } = await build([{ kind: 'trace', path: azure, format: 'azure' }]);
    expect(rootsOf(workload)[0]!.outputLimitTokens).toBe(928);
    const limited = { kind: 'trace', path: azure, format: 'azure', outputLimitTokens: 2000 };
    expect(rootsOf((await build([limited])).workload)[0]!.outputLimitTokens).toBe(2000);
  });

  it('gives equal prompts of Mooncake one key, unless their lengths differ', async () => {
    const rows = [
      promptRow(600, '1, 2'),
      promptRow(600, '1, 3'),
      promptRow(600, '1, 2'),
      promptRow(601, '1, 2'),
    ];
    await writeFile(join(dir, 'keys'), rows.join(''));
    const source = { kind: 'trace', path: 'keys', format: 'mooncake' };
    const { workload } = await build([source], { baseDir: dir });
    expect(rootsOf(workload).map(({ promptKey }) => promptKey)).toEqual([0, 1, 0, 2]);
  });
});

describe('unusable traces', () => {
  it('names the nearest file', async () => {
    const error = await failure(replay({ path: 'BurstGPT_1.head100.cvs', format: 'burstgpt' }));
    expect(error.issues[0]).toMatchObject({
      path: 'workload.0.path',
      hint: 'did you mean "BurstGPT_1.head100.csv"?',
    });
  });

  it('says when the folder is missing, or the path is one', async () => {
    expect((await failure(replay({ path: 'no/such.csv', format: 'azure' }))).message).toContain('no folder');
    expect((await failure(replay({ path: '.', format: 'azure' }))).message).toContain('not a file');
  });

  it.each([
    ['', 'the trace is empty'],
    [`${header}\n`, 'the trace has no rows'],
    [`${header}\nx,y,z\n`, 'none of the 1 rows can be used: TIMESTAMP "x"'],
    [
      'TIMESTAMP,ContextToken,GeneratedTokens\n',
      'has no column "ContextTokens" (did you mean "ContextToken"?)',
    ],
    ['a,b\n1,2\n', 'no column "TIMESTAMP"'],
  ])('refuses %j', async (text, message) => {
    expect((await failure(replayText(text))).message).toContain(message);
  });

  it('refuses a window without rows and says where the rows are', async () => {
    const error = await failure(replay({ path: azure, format: 'azure', window: { startS: 500 } }));
    expect(error.message).toContain('between 0 and 84.862 s');
  });

  it('refuses a row without end', async () => {
    const endless = 'x'.repeat(3 << 20);
    expect((await failure(replayText(endless))).message).toContain('not a CSV file');
    expect((await failure(replayText(endless, { format: 'mooncake' }))).message).toContain('line is longer');
  });

  it('refuses to guess an unknown format', async () => {
    expect((await failure(traceSourceOf('README.md', fixturesDir))).message).toContain(
      'format is none of azure, burstgpt, mooncake',
    );
    await writeFile(join(dir, 'both.csv'), `${header},Timestamp,Request tokens,Response tokens\n`);
    expect((await failure(traceSourceOf('both.csv', dir))).message).toContain('those of azure and burstgpt');
  });
});
