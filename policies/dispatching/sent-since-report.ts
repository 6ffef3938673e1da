import type { GroupView } from '../../harness/policy/index.ts';

interface Sent {
  readonly atUs: number;
  readonly blocks: number;
}

/** Requests sent to one group that it has not reported yet. */
interface Unreported {
  /** Oldest first; those before `first` have been reported. */
  readonly sent: Sent[];
  first: number;
  blocks: number;
}

/** Load that a group does not show yet. */
export interface Unseen {
  readonly requests: number;
  readonly blocks: number;
}

/**
 * What a dispatcher has sent to each group since that last reported its load. Without such a count everything that arrives
 * between two reports goes to the group that looked least loaded in the first.
 */
export class SentSinceReport {
  readonly #byGroup = new Map<number, Unreported>();

  add(groupId: number, atUs: number, blocks: number): void {
    const unreported = this.#byGroup.get(groupId) ?? { sent: [], first: 0, blocks: 0 };
    this.#byGroup.set(groupId, unreported);
    unreported.sent.push({ atUs, blocks });
    unreported.blocks += blocks;
  }

  /** Number and KV blocks of what the group's load does not show yet. */
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
      // A group that is always sent something never has all of it reported.
      sent.splice(0, unreported.first);
      unreported.first = 0;
    }
    return { requests, blocks: unreported.blocks };
  }
}
