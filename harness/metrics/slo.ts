import type { SloTarget } from '../domain/workload.ts';
import { type RequestTimes, tpotUs, ttftUs } from './request-latencies.ts';

/** Returns whether the request finished and met every target of its class. A one-token answer meets any TPOT target. */
export function meetsSlo(request: RequestTimes, slo: SloTarget): boolean {
  if (request.status !== 'finished') return false;
  const ttft = ttftUs(request);
  const tpot = tpotUs(request);
  const isTtftMet = slo.ttftUs === undefined || (ttft !== undefined && ttft <= slo.ttftUs);
  const isTpotMet = slo.tpotUs === undefined || tpot === undefined || tpot <= slo.tpotUs;
  return isTtftMet && isTpotMet;
}

export function hasTarget(slo: SloTarget): boolean {
  return slo.ttftUs !== undefined || slo.tpotUs !== undefined;
}
