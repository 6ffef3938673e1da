import { usPerMs } from '../base/units.ts';
import type { RequestRecord } from '../core/observer.ts';
import type { RequestRow } from './rows/request-row.ts';

/** What the latencies of one request are made from; times in microseconds, `undefined` for what did not happen. */
export type RequestTimes = Pick<
  RequestRecord,
  'status' | 'arrivedAtUs' | 'firstScheduledAtUs' | 'firstTokenAtUs' | 'endedAtUs' | 'generatedTokens'
>;

/** The times of a published row. */
export function timesOf(row: RequestRow): RequestTimes {
  return {
    status: row.status,
    arrivedAtUs: row.arrived_at_us,
    firstScheduledAtUs: row.first_scheduled_at_us ?? undefined,
    firstTokenAtUs: row.first_token_at_us ?? undefined,
    endedAtUs: row.ended_at_us ?? undefined,
    generatedTokens: row.generated_tokens,
  };
}

/** First token - arrival, queueing included; `undefined` without a token. */
export function ttftUs({ firstTokenAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return firstTokenAtUs === undefined ? undefined : firstTokenAtUs - arrivedAtUs;
}

/** (end - first token) / (tokens - 1); `undefined` when unfinished or with fewer than two tokens. */
export function tpotUs(request: RequestTimes): number | undefined {
  const { status, firstTokenAtUs, endedAtUs, generatedTokens } = request;
  if (status !== 'finished' || generatedTokens < 2) return undefined;
  if (firstTokenAtUs === undefined || endedAtUs === undefined) return undefined;
  return (endedAtUs - firstTokenAtUs) / (generatedTokens - 1);
}

/** Time from arrival to the last token; `undefined` when the request is unfinished. */
export function e2elUs({ status, endedAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return status !== 'finished' || endedAtUs === undefined ? undefined : endedAtUs - arrivedAtUs;
}

/** Time from arrival until it was first scheduled; `undefined` when it never was. */
function queueingDelayUs({ firstScheduledAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return firstScheduledAtUs === undefined ? undefined : firstScheduledAtUs - arrivedAtUs;
}

/**
 * Every latency of one request, in microseconds, under the name that stands in the keys of its metrics. They are
 * tallied for each class and read again from a cell's rows when policies are compared.
 */
export const requestLatencies = {
  ttft: ttftUs,
  tpot: tpotUs,
  e2el: e2elUs,
  queueing_delay: queueingDelayUs,
} as const satisfies Readonly<Record<string, (request: RequestTimes) => number | undefined>>;

export type RequestLatency = keyof typeof requestLatencies;

export const requestLatencyNames = Object.keys(requestLatencies) as readonly RequestLatency[];

/** Something for each latency. */
export function byLatency<T>(make: (latency: RequestLatency) => T): Record<RequestLatency, T> {
  return Object.fromEntries(requestLatencyNames.map((latency) => [latency, make(latency)])) as Record<
    RequestLatency,
    T
  >;
}

/** The latency in milliseconds. */
export function latencyMs(latency: RequestLatency, request: RequestTimes): number | undefined {
  const us = requestLatencies[latency](request);
  return us === undefined ? undefined : us / usPerMs;
}
