import type { GroupView } from '../../harness/policy/index.ts';

/** When a request was sent to a group, and how old and how long the lists of the group's load were that were looked at then. */
export interface Sending {
  readonly atUs: number;
  readonly seenAtUs: number;
  readonly numSeen: number;
}

export function sendingTo(group: GroupView, atUs: number): Sending {
  return { atUs, seenAtUs: group.observedAtUs, numSeen: numRequestsIn(group) };
}

/**
 * Whether the group's load shows what was sent. A report of the very microsecond of the sending may have been taken before it: it
 * shows the request only if a report of that microsecond was looked at for the sending too and the lists are others now, as where
 * groups are seen as they are, or where an idle group's first step has begun.
 */
export function isReported({ atUs, seenAtUs, numSeen }: Sending, group: GroupView): boolean {
  const { observedAtUs } = group;
  if (atUs !== observedAtUs) return atUs < observedAtUs;
  return seenAtUs === observedAtUs && numSeen !== numRequestsIn(group);
}

function numRequestsIn({ waiting, running, swapped, exchanging }: GroupView): number {
  return waiting.length + running.length + swapped.length + exchanging.length;
}

interface Sent extends Sending {
  readonly blocks: number;
}

/** Requests sent to one group that it has not reported yet. */
interface Unreported {
  /** Oldest first; those before `first` have been reported. */
  sent: Sent[];
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

  add(group: GroupView, atUs: number, blocks: number): void {
    const unreported = this.#byGroup.get(group.id) ?? { sent: [], first: 0, blocks: 0 };
    this.#byGroup.set(group.id, unreported);
    unreported.sent.push({ ...sendingTo(group, atUs), blocks });
    unreported.blocks += blocks;
  }

  /** Number and KV blocks of what the group's load does not show yet. */
  to(group: GroupView): Unseen {
    const unreported = this.#byGroup.get(group.id);
    if (unreported === undefined) return { requests: 0, blocks: 0 };
    const { sent } = unreported;
    for (let next = sent[unreported.first]; next !== undefined && isReported(next, group); ) {
      unreported.blocks -= next.blocks;
      unreported.first += 1;
      next = sent[unreported.first];
    }
    if (unreported.first === sent.length) this.#byGroup.delete(group.id);
    return { requests: sent.length - unreported.first, blocks: unreported.blocks };
  }
}
