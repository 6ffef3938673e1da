import type { GroupId, GroupView } from '../../harness/policy/index.ts';

interface Sent {
  readonly atUs: number;
  readonly blocks: number;
}

/** The requests sent to one group that are not in its last report. */
interface Unreported {
  /**
   * Requests with the time they were sent and their KV blocks, oldest first. Entries before index `first`
   * have been reported already.
   */
  readonly sent: Sent[];
  first: number;
  blocks: number;
}

/** Load that was sent to a group and is not visible in its view yet. */
export interface Unseen {
  readonly requests: number;
  readonly blocks: number;
}

/**
 * Records what a dispatcher has sent to each group since the group's last report. Without this record, all
 * requests that arrive between two reports go to the group that looked least loaded in the first.
 */
export class SentSinceReport {
  readonly #byGroup = new Map<GroupId, Unreported>();

  add(groupId: GroupId, atUs: number, blocks: number): void {
    const unreported = this.#byGroup.get(groupId) ?? { sent: [], first: 0, blocks: 0 };
    this.#byGroup.set(groupId, unreported);
    unreported.sent.push({ atUs, blocks });
    unreported.blocks += blocks;
  }

  /** Returns the number of requests sent since the group's report, and their KV blocks. */
  to({ id, observedAtUs }: GroupView): Unseen {
    const unreported = this.#byGroup.get(id);
    if (unreported === undefined) return { requests: 0, blocks: 0 };
    const { sent } = unreported;
    for (let next = sent[unreported.first]; next !== undefined && next.atUs <= observedAtUs; ) {
      unreported.blocks -= next.blocks;
      unreported.first += 1;
      next = sent[unreported.first];
    }
    const requests = sent.length - unreported.first;
    if (requests === 0) this.#byGroup.delete(id);
    else if (unreported.first > requests) {
      // The reported prefix is removed now and then, because the list of a busy group may never become empty.
      sent.splice(0, unreported.first);
      unreported.first = 0;
    }
    return { requests, blocks: unreported.blocks };
  }
}
