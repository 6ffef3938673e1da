import { applyDeferred } from '../apply-decision.ts';
import { onGroupIdle } from '../groups/on-group-idle.ts';
import { applyReadyTransitions } from '../groups/transition.ts';
import { advanceExchange } from '../kv/exchange.ts';
import { reportIdle } from '../report-load.ts';
import type { Cluster } from '../state/cluster.ts';
import type { GroupStage, InstanceGroup } from '../state/group.ts';
import { StepBatch } from '../state/step-batch.ts';
import { toMicroBatches } from './micro-batches.ts';
import { postprocess } from './postprocess.ts';
import { schedule } from './scheduler.ts';
import { endStage, enterStage, freeStageAndStartNext } from './stages.ts';

/**
 * The step loop of a group: schedule -> execute -> postprocess, with as many micro-batches under way as the group has
 * stages. A group of one runs one step after the other.
 */
export function step(cluster: Cluster, group: InstanceGroup): void {
  if (group.isChanging) {
    applyReadyTransitions(group);
    return;
  }
  if (group.isGone || group.phase === 'loading') return;
  if (group.pausedUntilUs > cluster.nowUs) {
    cluster.effects.wake(group);
    return;
  }
  runSteps(cluster, group);
  if (group.inFlight.length > 0) return;
  reportIdle(cluster, group);
  onGroupIdle(cluster, group);
}

/** Forms micro-batches until as many are under way as there are stages, or nothing more can be computed. */
function runSteps(cluster: Cluster, group: InstanceGroup): void {
  if (group.stalled.length > 0 || group.retirement !== undefined) advanceExchange(cluster, group);
  while (!group.isChanging && group.inFlight.length < group.pipeline.length) {
    const batch = takeBatch(cluster, group);
    schedule(cluster, group, batch);
    if (batch.size === 0) {
      group.spareBatches.push(batch);
      break;
    }
    for (const microBatch of toMicroBatches(cluster, group, batch, takeBatch)) {
      execute(cluster, group, microBatch);
    }
  }
}

function takeBatch(cluster: Cluster, group: InstanceGroup): StepBatch {
  const batch = group.spareBatches.pop() ?? newBatch(cluster, group);
  batch.reset(cluster.totals.numBatches, cluster.nowUs);
  cluster.totals.numBatches += 1;
  return batch;
}

function newBatch(cluster: Cluster, group: InstanceGroup): StepBatch {
  return new StepBatch(group.layout, {
    stageEnded: (batch) => endStage(cluster, group, batch),
    stepEnded: (batch) => endStep(cluster, group, batch),
  });
}

/** Sends the micro-batch through the stages; it comes back in `endStep`. */
function execute(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (group.inFlight.length === 0 && cluster.nowUs > group.lastBatchBackAtUs)
    group.busySinceUs = cluster.nowUs;
  group.inFlight.push(batch);
  group.counters.numSteps += 1;
  cluster.loadReports.stepBegun(group, batch);
  enterStage(cluster, group, batch);
}

/** The micro-batch has left the last stage. */
function endStep(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  postprocess(cluster, group, batch);
  freeStageAndStartNext(cluster, (group.pipeline.at(-1) as GroupStage).member);
  if (group.deferred.length > 0) applyDeferred(cluster, group);
  step(cluster, group);
}
