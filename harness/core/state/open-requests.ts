import type { RequestId } from '../../domain/ids.ts';
import type { RequestClass, Workload } from '../../domain/workload.ts';
import { HeldQueue } from './held-queue.ts';
import type { Request } from './request.ts';

/** Requests that are open or still to come; which group has one is the group's business. */
export class OpenRequests {
  readonly workload: Workload;
  readonly classes: ReadonlyMap<string, RequestClass>;
  /** Those that have arrived and not ended, by id. */
  readonly live = new Map<RequestId, Request>();
  /** Of these, those that no group has. */
  readonly held: HeldQueue;
  /** Branches of a job that have finished, by job. */
  readonly finishedBranches = new Map<number, number>();
  /** Arrivals that are planned and have not happened. */
  numPendingArrivals = 0;
  /** The policies will be asked about held requests again at this time. */
  isRetryPlanned = false;

  constructor(workload: Workload) {
    this.workload = workload;
    this.classes = new Map(workload.classes.map((each) => [each.name, each]));
    this.held = new HeldQueue(workload.classes);
  }
}
