import { removeFrom } from '../../base/lists.ts';
import { stopOnceNotInFlight } from '../kv/migrate.ts';
import { endIfAborted, endRequest } from '../lifecycle.ts';
import { reportStep } from '../report-load.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { Request } from '../state/request.ts';
import type { StepBatch } from '../state/step-batch.ts';

/** Counts the tokens of a micro-batch whose step has ended as computed, and ends the requests that are complete. */
export function postprocess(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const { size } = batch;
  const { nowUs } = cluster;
  removeFrom(group.inFlight, batch);
  group.lastBatchBackAtUs = nowUs;
  group.lastStepUs = nowUs - batch.startedAtUs;
  reportStep(cluster, group, batch);
  for (let index = 0; index < size; index += 1) {
    const request = batch.requests[index] as Request;
    request.numInFlight -= 1;
    request.computedTokens += batch.numTokens[index] as number;
    if (batch.samples[index] === 1) emitToken(cluster, group, request, nowUs);
    if (request.isAbortWanted) endIfAborted(cluster, request);
    if (group.numMigratingOut > 0) stopOnceNotInFlight(cluster, request);
  }
  group.spareBatches.push(batch);
}

function emitToken(cluster: Cluster, group: InstanceGroup, request: Request, nowUs: number): void {
  const { counters } = group;
  counters.generatedTokens += 1;
  if (request.firstTokenAtUs === undefined) request.firstTokenAtUs = nowUs;
  else {
    const gapUs = nowUs - request.lastTokenAtUs;
    if (gapUs > request.maxTokenGapUs) request.maxTokenGapUs = gapUs;
    cluster.effects.observer.tokenGap(gapUs, request.arrivedAtUs);
    counters.numTokenGaps += 1;
    counters.tokenGapSumUs += gapUs;
  }
  request.lastTokenAtUs = nowUs;
  request.generatedTokens += 1;
  request.tokens += 1;
  if (request.state.kind !== 'decoding') request.beginDecoding();
  if (Request.isComplete(request)) endRequest(cluster, request, 'finished');
  else if (request.tokens > request.demandBlocks * group.blockSizeTokens) group.updateDemand(request);
}
