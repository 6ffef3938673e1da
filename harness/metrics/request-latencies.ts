import { usPerMs } from '../base/units.ts';
import type { RequestRecord } from '../core/observer.ts';
import type { RequestRow } from './rows/request-row.ts';

/** What the latencies of one request are made from; times in microseconds, `undefined` for what did not happen. */
export type RequestTimes = Pick<
  RequestRecord,
  'status' | 'arrivedAtUs' | 'firstScheduledAtUs' | 'firstTokenAtUs' | 'endedAtUs' | 'generatedTokens'
>;

/** Returns the times of a request from its row in a results folder. */
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

/** Returns the time from arrival to the first token, which includes queueing; `undefined` when there was no token. */
export function ttftUs({ firstTokenAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return firstTokenAtUs === undefined ? undefined : firstTokenAtUs - arrivedAtUs;
}

/** Returns (end - first token) / (tokens - 1); `undefined` when the request is unfinished or has fewer than two tokens. */
export function tpotUs(request: RequestTimes): number | undefined {
  const { status, firstTokenAtUs, endedAtUs, generatedTokens } = request;
  if (status !== 'finished' || generatedTokens < 2) return undefined;
  if (firstTokenAtUs === undefined || endedAtUs === undefined) return undefined;
  return (endedAtUs - firstTokenAtUs) / (generatedTokens - 1);
}

/** Returns the time from arrival to the last token; `undefined` when the request is unfinished. */
export function e2elUs({ status, endedAtUs, arrivedAtUs }: RequestTimes): number | undefined {
  return status !== 'finished' || endedAtUs === undefined ? undefined : endedAtUs - arrivedAtUs;
}

/** Returns the time from arrival until the request was first scheduled; `undefined` when it never was. */
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

/** Makes something for each latency. */
export function byLatency<T>(make: (latency: RequestLatency) => T): Record<RequestLatency, T> {
  return Object.fromEntries(requestLatencyNames.map((latency) => [latency, make(latency)])) as Record<
    RequestLatency,
    T
  >;
}

/** Returns the latency of the request in milliseconds. */
export function latencyMs(latency: RequestLatency, request: RequestTimes): number | undefined {
  const us = requestLatencies[latency](request);
  return us === undefined ? undefined : us / usPerMs;
}
