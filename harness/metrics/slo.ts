import { usPerMs } from '../base/units.ts';
import type { SloTarget } from '../domain/workload.ts';
import type { RequestRow } from './results.ts';

/** What the latencies of one request are made from; times in microseconds, `null` or `undefined` where there is none. */
export interface RequestTimes {
  readonly isFinished: boolean;
  readonly arrivedAtUs: number;
  readonly firstTokenAtUs: number | null | undefined;
  readonly endedAtUs: number | null | undefined;
  readonly generatedTokens: number;
}

/** The times of a published row. */
export function timesOf(row: RequestRow): RequestTimes {
  return {
    isFinished: row.status === 'finished',
    arrivedAtUs: row.arrived_at_us,
    firstTokenAtUs: row.first_token_at_us,
    endedAtUs: row.ended_at_us,
    generatedTokens: row.generated_tokens,
  };
}

/** First token - arrival, queueing included; `undefined` without a token. */
export function ttftUs({ firstTokenAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return isGiven(firstTokenAtUs) ? firstTokenAtUs - arrivedAtUs : undefined;
}

/** (end - first token) / (tokens - 1); `undefined` when unfinished or with fewer than two tokens. */
export function tpotUs(request: RequestTimes): number | undefined {
  const { firstTokenAtUs, endedAtUs, generatedTokens } = request;
  if (!request.isFinished || generatedTokens < 2 || !isGiven(firstTokenAtUs) || !isGiven(endedAtUs))
    return undefined;
  return (endedAtUs - firstTokenAtUs) / (generatedTokens - 1);
}

/** Last token - arrival; `undefined` when unfinished. */
export function e2elUs({ isFinished, endedAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return isFinished && isGiven(endedAtUs) ? endedAtUs - arrivedAtUs : undefined;
}

export function ttftMs(request: RequestTimes): number | undefined {
  return toMs(ttftUs(request));
}

export function tpotMs(request: RequestTimes): number | undefined {
  return toMs(tpotUs(request));
}

/** Whether the request finished and met every target of its class; a one-token answer meets any TPOT target. */
export function meetsSlo(request: RequestTimes, slo: SloTarget): boolean {
  if (!request.isFinished) return false;
  const ttft = ttftUs(request);
  const tpot = tpotUs(request);
  const isTtftMet = slo.ttftUs === undefined || (ttft !== undefined && ttft <= slo.ttftUs);
  const isTpotMet = slo.tpotUs === undefined || tpot === undefined || tpot <= slo.tpotUs;
  return isTtftMet && isTpotMet;
}

export function hasTarget(slo: SloTarget): boolean {
  return slo.ttftUs !== undefined || slo.tpotUs !== undefined;
}

function isGiven(timeUs: number | null | undefined): timeUs is number {
  return timeUs !== null && timeUs !== undefined;
}

function toMs(us: number | undefined): number | undefined {
  return us === undefined ? undefined : us / usPerMs;
}
