import { secondsToUs } from '../../harness/base/units.ts';
import type { PlannedSource } from '../merge.ts';
import { none, RequestTable } from '../request-table.ts';
import type { SourceOf } from '../source-schema.ts';
import { createRequestSampler, type PlanContext } from './plan.ts';

/**
 * Plans clients that each wait for their answer, pause, and send the next request. The requests are divided
 * evenly among the clients.
 */
export function planClosedLoop(source: SourceOf<'closed-loop'>, context: PlanContext): PlannedSource {
  const sampler = createRequestSampler(source, context);
  const thinkRng = context.stream('think');
  const table = new RequestTable();
  const numClients = Math.min(source.clients, source.numRequests);
  for (let client = 0; client < numClients; client += 1) {
    const startS = source.startS + (source.rampS * client) / numClients;
    const numTurns =
      Math.floor(source.numRequests / numClients) + (client < source.numRequests % numClients ? 1 : 0);
    let last = table.addRoot(secondsToUs(startS), sampler.prompt(), sampler.output());
    for (let turn = 1; turn < numTurns; turn += 1) {
      last = table.add({
        timeUs: secondsToUs(source.thinkS * thinkRng.exponential()),
        follows: last,
        continues: false,
        promptTokens: sampler.prompt(),
        outputTokens: sampler.output(),
        promptKey: none,
        job: none,
      });
    }
  }
  return { className: source.class, outputLimitTokens: sampler.outputLimitTokens, table };
}
