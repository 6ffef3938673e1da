import type { Rng } from '../../harness/base/rng.ts';
import { asRequestId } from '../../harness/domain/ids.ts';
import type { RequestClass } from '../../harness/domain/workload.ts';
import { RequestOutcomes } from '../../harness/metrics/outcomes.ts';
import type { ComparedCell } from '../../harness/metrics/paired-run.ts';
import { CellRecorder } from '../../harness/metrics/recorder.ts';
import type { RequestRow } from '../../harness/metrics/results.ts';
import { nullSinks } from '../../harness/metrics/sinks.ts';
import type { RunTotals } from '../../harness/metrics/tallied.ts';
import { finishedRequest, rowOf } from './records.ts';

export const classes: readonly RequestClass[] = [
  { name: 'interactive', priority: 1, slo: { ttftUs: 3_000_000, tpotUs: 50_000 } },
];

const emptyTotals: RunTotals = {
  id: 'cell',
  policy: '',
  seed: 1,
  endedAtUs: 0,
  instanceUs: 10_000_000,
  verifiedTokens: null,
  policyStats: {},
};

const emptySummary = new CellRecorder({ classes, openSink: nullSinks }).finish(emptyTotals);

/** A cell with the figures that a comparison reads from its summary. */
export function cellOf(
  policy: string,
  seed: number,
  rows: readonly RequestRow[],
  summary: { instanceSeconds?: number; preemptions?: number } = {},
): ComparedCell {
  return {
    summary: {
      ...emptySummary,
      policy,
      seed,
      duration_ms: 100_000,
      slo_attainment: 1,
      instance_seconds: summary.instanceSeconds ?? 10,
      preemption_count: summary.preemptions ?? 0,
    },
    outcomes: RequestOutcomes.from(rows, classes),
  };
}

/** A whole cell, summary included, of finished requests with these [TTFT in microseconds, answer tokens], one a second. */
export function recordedCell(policy: string, requests: readonly (readonly [number, number])[]): ComparedCell {
  const recorder = new CellRecorder({ classes, openSink: nullSinks });
  const rows = requests.map(([ttftUs, generatedTokens], id) => {
    const arrivedAtUs = id * 1_000_000;
    const firstTokenAtUs = arrivedAtUs + ttftUs;
    // Per token 20 ms and more, differing between requests.
    const endedAtUs = firstTokenAtUs + (20_000 + 10 * id) * (generatedTokens - 1);
    const record = {
      ...finishedRequest,
      id: asRequestId(id),
      arrivedAtUs,
      firstTokenAtUs,
      endedAtUs,
      generatedTokens,
    };
    recorder.requestEnded(record);
    return rowOf(record);
  });
  const summary = recorder.finish({ ...emptyTotals, policy });
  return { summary, outcomes: RequestOutcomes.from(rows, classes) };
}

/** A finished request per TTFT (seconds), one a second, ten tokens at 20 ms each. */
export function rowsOf(ttftSeconds: readonly number[]): RequestRow[] {
  return ttftSeconds.map((seconds, id) => {
    const arrivedAtUs = id * 1_000_000;
    const firstTokenAtUs = arrivedAtUs + Math.round(seconds * 1_000_000);
    return rowOf({
      ...finishedRequest,
      id: asRequestId(id),
      arrivedAtUs,
      firstTokenAtUs,
      endedAtUs: firstTokenAtUs + 180_000,
    });
  });
}

/** The same row, refused. */
export function rejected(row: RequestRow): RequestRow {
  return {
    ...row,
    status: 'rejected',
    first_token_at_us: null,
    ended_at_us: row.arrived_at_us,
    generated_tokens: 0,
  };
}

/**
 * TTFTs of two policies that serve the same bursts of requests one after the other (Lindley's recursion). Service times
 * differ by up to a fifth at random, so the two queues differ although neither is better, and for as long as a burst
 * lasts; `slowdown` makes the second one really slower.
 */
export function pairedQueues(rng: Rng, numRequests: number, slowdown = 1): [number[], number[]] {
  const ttfts: [number[], number[]] = [[], []];
  const waits = [0, 0];
  let burstLeft = 0;
  for (let i = 0; i < numRequests; i += 1) {
    burstLeft = burstLeft === 0 && rng.uniform() < 0.01 ? 40 : Math.max(0, burstLeft - 1);
    const gap = rng.exponential() / (burstLeft > 0 ? 3 : 1);
    const size = 0.55 * rng.exponential();
    for (const side of [0, 1] as const) {
      const service = size * (0.8 + 0.4 * rng.uniform()) * (side === 1 ? slowdown : 1);
      const wait = Math.max(0, waits[side]! - gap);
      ttfts[side].push(0.05 + wait + 0.1 * service);
      waits[side] = wait + service;
    }
  }
  return ttfts;
}
