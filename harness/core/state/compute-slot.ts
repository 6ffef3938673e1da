import type { InstanceGroup } from './group.ts';
import type { StepBatch } from './step-batch.ts';

/** A micro-batch of a group that waits for its turn on an instance. */
export interface QueuedBatch {
  readonly group: InstanceGroup;
  readonly batch: StepBatch;
}

/** What an instance's device computes: one micro-batch at a time, in order of arrival, of whichever group. */
export class ComputeSlot {
  /** The micro-batch that is computed, or whose attention elsewhere is waited for. */
  current: StepBatch | undefined;
  readonly queue: QueuedBatch[] = [];
  /** End of the stage that runs now; earlier than now when the device is idle. */
  busyUntilUs = 0;
  /** End of the attention that is computed for other instances' stages; earlier than now when there is none. */
  attendsUntilUs = 0;
  /** Of such attention, what has been asked for since the last stage ended, while none ran. */
  attendedUs = 0;

  /** The micro-batch waits here no longer, if it did. */
  leave(batch: StepBatch): void {
    const index = this.queue.findIndex((queued) => queued.batch === batch);
    if (index !== -1) this.queue.splice(index, 1);
  }
}
