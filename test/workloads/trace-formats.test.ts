import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { traceSourceOf } from '../../workloads/index.ts';
import { arrivalsS, build, rootsOf } from './helpers.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trace-formats-'));
});

async function replay(content: string | Uint8Array, options: object) {
  await writeFile(join(dir, 'rows'), content);
  const source = { kind: 'trace', path: 'rows', ...options };
  const { workload, traces, warnings } = await build([source], { baseDir: dir });
  const requests = rootsOf(workload);
  return {
    times: arrivalsS(workload),
    lengths: requests.map(({ promptTokens, outputTokens }) => [promptTokens, outputTokens]),
    keys: requests.map(({ promptKey }) => promptKey),
    report: traces[0]!,
    warnings,
  };
}

const qwen = [0, 7200].map((timestamp) =>
  JSON.stringify({ chat_id: 1, timestamp, input_length: 5, output_length: 2, hash_ids: [1] }),
);

describe('Qwen-Bailian', () => {
  it('is told from Mooncake by its chat_id, and its times are seconds', async () => {
    await writeFile(join(dir, 'qwen.jsonl'), qwen.join('\n'));
    const { source, guess } = await traceSourceOf('qwen.jsonl', dir);
    expect(source).toMatchObject({ format: 'qwen-bailian' });
    expect(guess).toBe('qwen-bailian, times in s');
    const { times, report } = await replay(qwen.join('\n'), { format: 'qwen-bailian' });
    expect(times).toEqual([0, 7200]);
    expect(report.spanS).toBe(7200);
  });

  it('read as Mooncake is told, with the span that follows', async () => {
    const { warnings } = await replay(qwen.join('\n'), { format: 'mooncake' });
    expect(warnings).toEqual([
      'rows: the rows look like qwen-bailian (times in s) and are read as mooncake (times in ms): 2 rows in 7.2 s',
    ]);
  });
});

function blocksRow(ids: string): string {
  return `{"timestamp": 0, "input_length": 5, "output_length": 2, "hash_ids": [${ids}]}\n`;
}

async function keysOf(...ids: string[]) {
  return (await replay(ids.map(blocksRow).join(''), { format: 'mooncake' })).keys;
}

describe('prompts that rows share', () => {
  it('are told apart where ids beyond 2^53 differ in their last digit', async () => {
    const [one, other, again] = await keysOf('9007199254740992', '9007199254740993', '9007199254740992');
    expect(one).not.toBe(other);
    expect(again).toBe(one);
  });

  it('are not shared by rows without any block', async () => {
    expect(await keysOf('', '')).toEqual([undefined, undefined]);
  });
});

const shareGpt = JSON.stringify(
  [
    {
      id: 'a',
      conversations: [
        { from: 'human', value: 'x'.repeat(40) },
        { from: 'gpt', value: '[]{},"\\' },
      ],
    },
    {
      id: 'b',
      conversations: [
        { from: 'gpt', value: 'Hello' },
        { from: 'human', value: 'é'.repeat(8) },
        { from: 'gpt', value: 'ok' },
      ],
    },
    { id: 'c', conversations: [] },
  ],
  undefined,
  2,
);

describe('formats without columns', () => {
  it('ShareGPT: the first question of each conversation with its answer, by the length of the texts', async () => {
    const { times, lengths, report, warnings } = await replay(shareGpt, { format: 'sharegpt' });
    expect(lengths).toEqual([
      [10, 2],
      [4, 1],
    ]);
    expect(times).toEqual([0, 0]);
    expect(report.skipped).toEqual({
      count: 1,
      rows: [{ line: 3, reason: 'has no question that was answered' }],
    });
    expect(warnings.slice(1)).toEqual([
      'rows: the rows have no times, so all arrive at once; rate spreads them',
      'rows: lengths are estimated from texts, four bytes a token; lengthScale corrects them',
    ]);
  });

  it('a file that is no list, or ends inside of one, is refused', async () => {
    await expect(replay(shareGpt.slice(0, 200), { format: 'sharegpt' })).rejects.toThrow('ends inside of it');
    await expect(replay('{"a": 1, "b": [2]}', { format: 'sharegpt' })).rejects.toThrow('not a JSON object');
  });

  it('rate gives rows a Poisson process in their order', async () => {
    const rows = JSON.stringify(
      Array.from({ length: 400 }, (_, index) => ({
        conversations: [
          { from: 'human', value: 'x'.repeat(4 * (index + 1)) },
          { from: 'gpt', value: 'y' },
        ],
      })),
    );
    const { times, lengths } = await replay(rows, { format: 'sharegpt', rate: 4 });
    expect(lengths.map(([prompt]) => prompt)).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
    expect(times.at(-1)).toBeGreaterThan(80);
    expect(times.at(-1)).toBeLessThan(120);
  });

  it('rate takes the place of all times', async () => {
    await expect(replay(shareGpt, { format: 'sharegpt', rate: 4, scaleRate: 2 })).rejects.toThrow(
      'do not go with it',
    );
  });

  it('OpenAI batches: input with its limits, output with its usage', async () => {
    const body = {
      model: 'm',
      messages: [
        { role: 'user', content: 'x'.repeat(20) },
        { role: 'user', content: [{ type: 'text', text: 'y'.repeat(20) }, { type: 'image_url' }] },
      ],
      max_tokens: 7,
    };
    const rows = [
      { custom_id: '1', method: 'POST', url: '/v1/chat/completions', body },
      {
        custom_id: '2',
        response: { status_code: 200, body: { usage: { prompt_tokens: 30, completion_tokens: 9 } } },
      },
      { custom_id: '3', body: { ...body, max_tokens: undefined } },
    ];
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    const limited = await replay(text, { format: 'openai-batch' });
    expect(limited.lengths).toEqual([
      [10, 7],
      [30, 9],
    ]);
    expect(limited.report.skipped.rows).toEqual([
      {
        line: 3,
        reason: 'outputTokens "(missing)" is not a number of tokens'.replace('"(missing)"', '(missing)'),
      },
    ]);
    const drawn = await replay(text, {
      format: 'openai-batch',
      outputTokens: { dist: 'constant', tokens: 5 },
    });
    expect(drawn.lengths.map(([, output]) => output)).toEqual([5, 5, 5]);
    await writeFile(join(dir, 'batch.jsonl'), text);
    expect((await traceSourceOf('batch.jsonl', dir)).guess).toBe('openai-batch, without times');
  });

  const bench = {
    date: '2026',
    request_rate: 'inf',
    total_input_tokens: 60,
    input_lens: [10, 20, 30],
    output_lens: [1, 2, 0],
    errors: ['', '', 'timeout'],
  };

  it('vllm bench serve: requests at their start times, failures left out', async () => {
    const { times, lengths, report } = await replay(
      JSON.stringify({ ...bench, start_times: [100.5, 101, 102] }),
      { format: 'vllm-bench' },
    );
    expect(times).toEqual([0, 0.5]);
    expect(lengths).toEqual([
      [10, 1],
      [20, 2],
    ]);
    expect(report.skipped.rows).toEqual([{ line: 3, reason: 'failed: timeout' }]);
  });

  it('vllm bench serve of versions without start times: all at once, which is told', async () => {
    const { times, warnings } = await replay(JSON.stringify(bench), { format: 'vllm-bench' });
    expect(times).toEqual([0, 0]);
    expect(warnings.at(-1)).toContain('have no times');
  });

  it('vllm bench serve without details says what is missing', async () => {
    await expect(replay('{"total_input_tokens": 3}', { format: 'vllm-bench' })).rejects.toThrow(
      '--save-detailed',
    );
  });

  it('the requests of an own run, as they arrived there', async () => {
    const row = { id: 0, arrived_at_us: 1_500_000, prompt_tokens: 9, output_tokens: 3, generated_tokens: 3 };
    const text = [row, { ...row, arrived_at_us: 2_000_000 }].map((each) => JSON.stringify(each)).join('\n');
    expect((await replay(text, { format: 'servebench' })).times).toEqual([0, 0.5]);
  });
});

const burstGpt =
  'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,10,1,11,API log\n6,GPT-4,20,2,22,API log\n7,GPT-4,30,3,33,Conversation log\n';

describe('where', () => {
  it.each([
    [{ Model: 'GPT-4' }, [20, 30], 1],
    [{ Model: ['GPT-4', 'ChatGPT'], 'Log Type': 'API log' }, [10, 20], 1],
  ])('%j keeps the rows that have it', async (where, prompts, numLeftOut) => {
    const { lengths, report } = await replay(burstGpt, { format: 'burstgpt', where });
    expect(lengths.map(([prompt]) => prompt)).toEqual(prompts);
    expect(report).toMatchObject({ numLeftOut, numRows: 2 });
  });

  it('refuses a column that is not there, and a value that no row has', async () => {
    await expect(replay(burstGpt, { format: 'burstgpt', where: { Modell: 'GPT-4' } })).rejects.toThrow(
      'did you mean "Model"?',
    );
    await expect(replay(burstGpt, { format: 'burstgpt', where: { Model: 'GPT-5' } })).rejects.toThrow(
      'rows: workload.0: none of the 3 rows can be used: none has Model: GPT-5',
    );
  });

  it('reads fields of JSON as well', async () => {
    const { times } = await replay(qwen.join('\n'), {
      format: 'qwen-bailian',
      where: { timestamp: 7200, chat_id: '1' },
    });
    expect(times).toHaveLength(1);
  });
});

/** A Zstandard frame with one raw block; of less than 256 bytes. */
function zstd(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const header = (bytes.length << 3) | 1;
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.length]),
    Buffer.from([header & 255, (header >> 8) & 255, header >> 16]),
    bytes,
  ]);
}

describe('compressed files', () => {
  it.each([
    ['gzip', gzipSync(burstGpt)],
    ['Zstandard', zstd(burstGpt)],
  ])('%s is read by what it begins with, also to recognize the format', async (_, content) => {
    const { lengths } = await replay(content, { format: 'burstgpt' });
    expect(lengths).toHaveLength(3);
    expect((await traceSourceOf('rows', dir)).guess).toBe('burstgpt, times in s');
  });

  it.each([
    ['gzip', gzipSync(burstGpt).subarray(0, 60)],
    ['Zstandard', zstd(burstGpt).subarray(0, 60)],
  ])('%s that is cut short is refused', async (_, content) => {
    await expect(replay(content, { format: 'burstgpt' })).rejects.toThrow('cannot be decompressed');
  });
});

it('a mapping without a column for times says so', async () => {
  const { edited, issuesOf } = await import('../config/support.ts');
  const workload =
    'kind: trace, path: config.yaml, format: { file: csv, time: s, columns: { promptTokens: p, outputTokens: o } } }';
  const text = edited('workload:\n  kind: poisson', `workload: { ${workload}\nunused:\n  kind: poisson`);
  const issues = await issuesOf(text);
  expect(issues.find(({ path }) => path.startsWith('workload'))).toMatchObject({
    path: 'workload.format.columns.time',
    message: expect.stringContaining('is missing') as string,
  });
});
