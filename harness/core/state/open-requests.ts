import type { RequestId } from '../../domain/ids.ts';
import type { RequestClass, Workload } from '../../domain/workload.ts';
import { HeldQueue } from './held-queue.ts';
import type { Request } from './request.ts';

/** These requests are open or still to come. Which group has one is the group's business. */
export class OpenRequests {
  readonly workload: Workload;
  readonly classes: ReadonlyMap<string, RequestClass>;
  /** These have arrived and not ended, by id. */
  readonly live = new Map<RequestId, Request>();
  /** Of these, no group has those. */
  readonly held: HeldQueue;
  /** So many branches of each job have finished. */
  readonly finishedBranches = new Map<number, number>();
  /** So many arrivals are planned and have not happened. */
  numPendingArrivals = 0;
  /** The policies will be asked about held requests again at this time. */
  isRetryPlanned = false;

  constructor(workload: Workload) {
    this.workload = workload;
    this.classes = new Map(workload.classes.map((each) => [each.name, each]));
    this.held = new HeldQueue(workload.classes);
  }
}
