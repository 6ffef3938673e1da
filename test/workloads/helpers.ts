import { fileURLToPath } from 'node:url';
import type { RequestSpec, Workload } from '../../harness/domain/workload.ts';
import { type BuiltWorkload, buildWorkload, workloadSourceSchema } from '../../workloads/index.ts';

export const fixturesDir = fileURLToPath(new URL('../fixtures/traces/', import.meta.url));

export const constantLengths = {
  promptTokens: { dist: 'constant', tokens: 10 },
  outputTokens: { dist: 'constant', tokens: 5 },
} as const;

export async function build(
  sources: readonly unknown[],
  { seed = 1, baseDir = fixturesDir }: { seed?: number; baseDir?: string } = {},
): Promise<BuiltWorkload> {
  return await buildWorkload({
    sources: sources.map((source) => workloadSourceSchema.parse(source)),
    classes: [
      { name: 'default', priority: 0, slo: {} },
      { name: 'interactive', priority: 1, slo: {} },
    ],
    seed,
    baseDir,
  });
}

/** Roots in the order of the iterator. */
export function rootsOf(workload: Workload): RequestSpec[] {
  return [...{ [Symbol.iterator]: () => workload.arrivals() }];
}

/** Every request, by id. */
export function everyRequest(workload: Workload): RequestSpec[] {
  const specs: RequestSpec[] = [];
  const open = rootsOf(workload);
  for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
    specs.push(spec);
    open.push(...workload.followers(spec.id));
  }
  return specs.toSorted((a, b) => a.id - b.id);
}

export function arrivalsS(workload: Workload): number[] {
  return rootsOf(workload).map(({ arrival }) => (arrival.kind === 'at' ? arrival.timeUs / 1e6 : Number.NaN));
}

export function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

export function cvOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) / mean;
}

/** What is left of a request when its number is taken away: for comparing the same source in two workloads. */
export function anonymous({ className, promptTokens, outputTokens, arrival }: RequestSpec): unknown {
  return {
    className,
    promptTokens,
    outputTokens,
    timeUs: arrival.kind === 'at' ? arrival.timeUs : arrival.delayUs,
  };
}
