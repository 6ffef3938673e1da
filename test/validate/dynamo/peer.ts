import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { RequestSpec } from '../../../harness/domain/workload.ts';
import { engine, type ReplayCase, timingTable } from './cases.ts';
import { run } from './environment.ts';
import type { Outcome } from './outcomes.ts';

const script = fileURLToPath(new URL('replay.py', import.meta.url));

/** Tokens that a hash of a Mooncake trace stands for. */
const traceBlockTokens = 512;

/** What is read of the line that Dynamo writes for each request. */
const outcomeLine = z.object({
  arrival_time_ms: z.number(),
  input_length: z.int(),
  output_length: z.int(),
  first_token_ms: z.number(),
  last_token_ms: z.number(),
  terminal_status: z.literal('completed'),
});

export interface Replay {
  readonly replayCase: ReplayCase;
  readonly specs: readonly RequestSpec[];
}

/** Runs the replays through Dynamo's simulator, one after the other in one process; outcomes in the same order. */
export async function replayAtPeer(python: string, replays: readonly Replay[]): Promise<Outcome[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'servebench-dynamo-'));
  try {
    const jobs = replays.map((replay, index) => writeJob(replay, join(folder, `${index}`)));
    const jobPath = join(folder, 'job.json');
    writeFileSync(jobPath, JSON.stringify({ table: timingTable, replays: jobs }));
    await run(python, [script, jobPath], {
      missing: `${python} does not start`,
      failed: 'the replay at Dynamo failed',
      remedy: 'see the cause; remove the virtual environment and try again if it is damaged',
    });
    return jobs.map(({ outcomes }) => readOutcomes(outcomes));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeJob({ replayCase, specs }: Replay, path: string) {
  const trace = `${path}-trace.jsonl`;
  writeFileSync(trace, mooncakeTrace(specs));
  return {
    trace,
    outcomes: `${path}-outcomes.jsonl`,
    workers: replayCase.numInstances,
    engine: {
      engine_type: 'vllm',
      num_gpu_blocks: replayCase.numBlocks,
      block_size: engine.blockSizeTokens,
      max_num_seqs: engine.maxRunning,
      max_num_batched_tokens: engine.maxBatchTokens,
      enable_chunked_prefill: true,
      enable_prefix_caching: false,
    },
  };
}

/** No two prompts share a hash. */
function mooncakeTrace(specs: readonly RequestSpec[]): string {
  let nextHash = 0;
  const lines = specs.map(({ arrival, promptTokens, outputTokens }) => {
    const numHashes = Math.ceil(promptTokens / traceBlockTokens);
    nextHash += numHashes;
    return JSON.stringify({
      timestamp: arrival.kind === 'at' ? arrival.timeUs / 1000 : 0,
      input_length: promptTokens,
      output_length: outputTokens,
      hash_ids: Array.from({ length: numHashes }, (_, index) => nextHash - numHashes + index),
    });
  });
  return `${lines.join('\n')}\n`;
}

function readOutcomes(path: string): Outcome[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const read = outcomeLine.parse(JSON.parse(line));
    return {
      arrivedMs: read.arrival_time_ms,
      promptTokens: read.input_length,
      outputTokens: read.output_length,
      firstTokenMs: read.first_token_ms,
      lastTokenMs: read.last_token_ms,
    };
  });
}
