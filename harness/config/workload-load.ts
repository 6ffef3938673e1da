import { usPerSecond } from '../base/units.ts';
import type { RequestSpec, Workload } from '../domain/workload.ts';

/** Aggregate properties of a planned workload. */
export interface WorkloadLoad {
  /** Mean of prompt plus answer, in tokens; undefined for an empty workload. */
  readonly meanTokens: number | undefined;
  readonly promptOverOutput: number | undefined;
  /** Largest number of arrivals in any window, divided by the mean number in a window of that length. */
  readonly peakOverMean: number | undefined;
}

/** Length of the window as a share of the run, if no burst length is known. */
const windowShare = 0.05;

/**
 * Measures a workload. `windowS` is the length in seconds of the sliding window for the peak. Only planned
 * arrivals count for it, because the times of follow-ups depend on the system.
 */
export function measureLoad(workload: Workload, windowS: number | undefined): WorkloadLoad {
  let numRequests = 0;
  let promptTokens = 0;
  let outputTokens = 0;
  const arrivalsUs: number[] = [];
  for (const spec of everyRequest(workload)) {
    numRequests += 1;
    promptTokens += spec.promptTokens;
    outputTokens += spec.outputTokens;
    if (spec.arrival.kind === 'at') arrivalsUs.push(spec.arrival.timeUs);
  }
  return {
    meanTokens: numRequests === 0 ? undefined : (promptTokens + outputTokens) / numRequests,
    promptOverOutput: outputTokens === 0 ? undefined : promptTokens / outputTokens,
    peakOverMean: peakOverMean(arrivalsUs, windowS),
  };
}

function* everyRequest(workload: Workload): Generator<RequestSpec> {
  const arrivals = workload.arrivals();
  for (let next = arrivals.next(); next.done !== true; next = arrivals.next()) {
    const open = [next.value];
    for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
      yield spec;
      open.push(...workload.followers(spec.id));
    }
  }
}

/** `timesUs` must not decrease. */
function peakOverMean(timesUs: readonly number[], windowS: number | undefined): number | undefined {
  const spanUs = (timesUs.at(-1) ?? 0) - (timesUs[0] ?? 0);
  const windowUs = windowS === undefined ? spanUs * windowShare : windowS * usPerSecond;
  if (windowUs <= 0 || spanUs <= 0) return undefined;
  let first = 0;
  let peak = 0;
  for (const [last, timeUs] of timesUs.entries()) {
    while ((timesUs[first] ?? timeUs) <= timeUs - windowUs) first += 1;
    peak = Math.max(peak, last - first + 1);
  }
  return peak / ((timesUs.length * Math.min(windowUs, spanUs)) / spanUs);
}
