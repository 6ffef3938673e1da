import { group, median, min, sum } from 'd3-array';
import { z } from 'zod';
import { servableBytes } from '../harness/metrics/fragmentation.ts';
import type { TimeseriesRow } from '../harness/metrics/results.ts';
import { byTime } from './fleet.ts';
import type { DoneCell, Results } from './load.ts';

/** How free the cluster is at one sample. */
export interface FreeMemory {
  readonly timeUs: number;
  /** Share of the KV memory that would let waiting requests run if it were on their instances. */
  readonly fragmentation: number;
  /** Tokens of free KV memory for each request, over the whole cluster: decode steps until it is full. */
  readonly freeness: number;
  /** The same of the group that is least free. */
  readonly leastFreeness: number;
}

/** Samples at which an instance serves; those without KV memory are left out. `bytesPerToken`: KV of all layers. */
export function freeMemoryOf({ timeseries }: DoneCell, bytesPerToken: number): FreeMemory[] {
  return [...byTime(timeseries)].flatMap(([timeUs, rows]) => {
    const serving = rows.filter(({ state }) => state === 'ready');
    const fragmentation = fragmentationOf(serving);
    if (fragmentation === undefined) return [];
    const loads = [...group(serving, (row) => row.group).values()].map((own) => loadOf(own, bytesPerToken));
    const whole = {
      freeTokens: sum(loads, ({ freeTokens }) => freeTokens),
      numRequests: sum(loads, ({ numRequests }) => numRequests),
    };
    const leastFreeness = min(loads, freenessOf) ?? 0;
    return { timeUs, fragmentation, freeness: freenessOf(whole), leastFreeness };
  });
}

interface GroupLoad {
  /** Tokens of KV memory that neither running nor waiting requests need; less than 0 when more wait than fit. */
  readonly freeTokens: number;
  readonly numRequests: number;
}

/** Counts of a group's waiting requests stand at one member, though their KV will be on all, spread evenly. */
function loadOf(members: readonly TimeseriesRow[], bytesPerToken: number): GroupLoad {
  const freeBytes = sum(members, (row) => row.kv_free_bytes);
  const waitingBytes = sum(members, (row) => row.waiting_kv_bytes * members.length);
  const numRequests = sum(members, (row) => row.running + row.waiting);
  return { freeTokens: (freeBytes - waitingBytes) / bytesPerToken, numRequests };
}

/** Llumnix, section 4.4.1: what is free beyond the demand of all who wait, for each request of the batch. */
function freenessOf({ freeTokens, numRequests }: GroupLoad): number {
  return freeTokens / Math.max(1, numRequests);
}

/**
 * Llumnix, section 6.3: first requests in line that do not fit their own instance, smallest first, are served out of the
 * free memory of all instances while they fit; what they take, over all KV memory, is fragmented.
 */
export function fragmentationOf(serving: readonly TimeseriesRow[]): number | undefined {
  const free = sum(serving, (row) => row.kv_free_bytes);
  const total = free + sum(serving, (row) => row.kv_used_bytes);
  if (total === 0) return undefined;
  const blocked = serving.filter((row) => row.head_kv_bytes > row.kv_free_bytes);
  const demands = blocked.map((row) => row.head_kv_bytes);
  return servableBytes(demands, free) / total;
}

const shapeSchema = z.object({
  model: z.object({
    numLayers: z.number(),
    numKvHeads: z.number(),
    headDim: z.number(),
    bytesPerKvElement: z.number(),
  }),
});

/** Bytes of K and V that one token takes in all layers; `undefined` where the configuration does not say. */
export function kvBytesPerToken({ manifest }: Results): number | undefined {
  const model = shapeSchema.safeParse(manifest.config).data?.model;
  return model === undefined
    ? undefined
    : 2 * model.numLayers * model.numKvHeads * model.headDim * model.bytesPerKvElement;
}

/** The middle of some samples; a picture of extremes would show nothing but noise. */
export function medianOf(samples: readonly FreeMemory[], key: keyof FreeMemory): number {
  return median(samples, (sample) => sample[key]) ?? 0;
}
