import type { StepShape } from '../../../harness/executors/roofline-cost.ts';
import type { MeasuredRow } from './measured-runs.ts';

/** Two steps, or one, that vLLM took a known time for, with what they computed. */
export interface StepWindow {
  readonly seconds: number;
  readonly steps: readonly StepShape[];
}

/** Stamps of one call of the scheduler differ by less than this. */
const sameCallS = 0.0005;

/**
 * What steps took, read off the stamps of requests that were admitted. With asynchronous scheduling, vLLM schedules step n + 2
 * when step n has ended: a request scheduled at time s, whose whole prompt fits into that step, waits for the step that begins at
 * s and gets its first token at the end of the next one. Where that first step brought first tokens as well, its end is known and
 * the second stands alone. What ran beside is known from the stamps of the other requests, their contexts from their tokens per
 * second. Left out is where prompts were cut into chunks. Only requests before `end` are used, neither their windows nor those
 * that ran beside them know later ones.
 */
export function stepWindows(rows: readonly MeasuredRow[], end: number): StepWindow[] {
  const known = rows.slice(0, end);
  const stamps = [...new Set(known.map((row) => row.first_token_s))].toSorted((a, b) => a - b);
  return stamps.flatMap((stamp) => windowBefore(known, stamp));
}

function windowBefore(rows: readonly MeasuredRow[], endS: number): StepWindow[] {
  const admitted = rows.filter((row) => row.first_token_s === endS);
  const startS = Math.min(...admitted.map((row) => row.scheduled_s));
  const earlier = rows.filter((row) => row.first_token_s > startS + sameCallS && row.first_token_s < endS);
  const middleS = earlier[0]?.first_token_s;
  const isOneStep = earlier.every(
    (row) => row.first_token_s === middleS && row.scheduled_s < startS - sameCallS,
  );
  if (!isOneStep) return [];
  const last = stepAt(rows, admitted, middleS ?? startS, endS);
  const isWhole =
    admitted.every((row) => row.scheduled_s < startS + sameCallS) &&
    !rows.some((row) => row.scheduled_s < startS + sameCallS && row.first_token_s > endS);
  if (!isWhole || last.totalTokens > 2048) return [];
  if (middleS !== undefined) return [{ seconds: endS - middleS, steps: [last] }];
  return [{ seconds: endS - startS, steps: [stepAt(rows, [], startS, startS), last] }];
}

/** The step that begins at `startS` with these prompts; all others that have a first token by then and go on decode. */
function stepAt(
  rows: readonly MeasuredRow[],
  prompts: readonly MeasuredRow[],
  startS: number,
  contextAtS: number,
): StepShape {
  const decoding = rows.filter(
    (row) => row.first_token_s < startS + sameCallS && row.last_token_s > startS + sameCallS,
  );
  let decodeContextTokens = 0;
  for (const row of decoding) decodeContextTokens += contextOf(row, contextAtS);
  let promptTokens = 0;
  let pairs = 0;
  for (const { prompt_tokens } of prompts) {
    promptTokens += prompt_tokens;
    pairs += (prompt_tokens * (prompt_tokens + 1)) / 2;
  }
  return {
    size: decoding.length + prompts.length,
    totalTokens: decoding.length + promptTokens,
    attentionPairs: pairs + decodeContextTokens,
    contextTokens: promptTokens + decodeContextTokens,
    decodeContextTokens,
  };
}

function contextOf(row: MeasuredRow, atS: number): number {
  const share = Math.max(0, atS - row.first_token_s) / (row.last_token_s - row.first_token_s);
  return row.prompt_tokens + 1 + (row.output_tokens - 1) * share;
}
