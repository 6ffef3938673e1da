import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';

/** What stages take on one kind of hardware, in whole microseconds, at least 1. */
export interface StageCost {
  stageUs(batch: MicroBatch, stage: Stage): number;
  /** Of attention that an instance computes for another's stage, summed over its layers. */
  attentionUs(remote: RemoteAttention): number;
}
