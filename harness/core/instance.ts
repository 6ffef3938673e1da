import type { InstanceView } from '../policy/views.ts';
import type { Hardware } from './hardware.ts';
import type { MemoryLedger } from './ledger.ts';
import type { InstanceState } from './observer.ts';
import type { StepBatch } from './step-batch.ts';

/** One device's worth of memory, with the host memory beside it. Which requests it serves is its group's business. */
export class Instance implements InstanceView {
  readonly id: number;
  readonly ledger: MemoryLedger;
  readonly hostMemoryBytes: number;
  state: InstanceState = 'ready';
  role = 'mixed';
  hostKvBytes = 0;
  /** Instance-seconds count from here. */
  readonly requestedAtUs: number;
  /** End of the stage that runs on it now; earlier than now when it is idle. */
  busyUntilUs = 0;
  isBusy = false;
  /** Micro-batches that wait for it, of whichever group. */
  readonly stageQueue: StepBatch[] = [];
  /** Since the last sample. */
  busyUs = 0;
  prefillTokens = 0;
  decodeTokens = 0;

  constructor(init: { id: number; ledger: MemoryLedger; hardware: Hardware; nowUs: number }) {
    this.id = init.id;
    this.ledger = init.ledger;
    this.hostMemoryBytes = init.hardware.hostMemoryBytes;
    this.requestedAtUs = init.nowUs;
  }

  get weightBytes(): number {
    return this.ledger.weightBytes;
  }

  get totalCells(): number {
    return this.ledger.totalCells;
  }

  get usedCells(): number {
    return this.ledger.usedCells;
  }
}
