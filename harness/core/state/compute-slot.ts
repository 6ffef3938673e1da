import type { InstanceGroup } from './group.ts';
import type { StepBatch } from './step-batch.ts';

/** A micro-batch of a group that waits for its turn on an instance. */
export interface QueuedBatch {
  readonly group: InstanceGroup;
  readonly batch: StepBatch;
}

/** An instance's device computes one micro-batch at a time, in order of arrival, whichever group it is of. */
export class ComputeSlot {
  /** The micro-batch that is computed, or whose attention on other instances is waited for; `undefined` while the device is free. */
  current: StepBatch | undefined;
  readonly queue: QueuedBatch[] = [];
  /** End of the stage that runs now; earlier than now when the device is idle. */
  busyUntilUs = 0;
  /** End of the attention that is computed for other instances' stages; earlier than now when there is none. */
  remoteAttentionUntilUs = 0;
  /** How much of such attention has been asked for since the last stage ended, while none ran, in microseconds. */
  remoteAttentionSinceStageUs = 0;

  /** Takes the micro-batch out of the queue, if it stands there. */
  leave(batch: StepBatch): void {
    const index = this.queue.findIndex((queued) => queued.batch === batch);
    if (index !== -1) this.queue.splice(index, 1);
  }
}
