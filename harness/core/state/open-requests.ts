import type { RequestId } from '../../domain/ids.ts';
import type { RequestClass, Workload } from '../../domain/workload.ts';
import { HeldQueue } from './held-queue.ts';
import type { Request } from './request.ts';

/** These requests are open or still to come. Which group has one is the group's business. */
export class OpenRequests {
  readonly workload: Workload;
  readonly classes: ReadonlyMap<string, RequestClass>;
  /** Requests that have arrived and not ended, by id. */
  readonly live = new Map<RequestId, Request>();
  /** The live requests that stand in no group. */
  readonly held: HeldQueue;
  /** How many branches of a job have finished, by job id. */
  readonly finishedBranches = new Map<number, number>();
  /** How many arrivals are planned and have not happened. */
  numPendingArrivals = 0;
  /** The policies will be asked about held requests again at this time. */
  isRetryPlanned = false;

  constructor(workload: Workload) {
    this.workload = workload;
    this.classes = new Map(workload.classes.map((each) => [each.name, each]));
    this.held = new HeldQueue(workload.classes);
  }
}
