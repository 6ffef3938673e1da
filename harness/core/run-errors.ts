import type { Cluster } from './state/cluster.ts';

/** Nothing can happen any more, but requests are waiting: the policies have left them without a way on. */
export class StuckError extends Error {
  readonly code = 'stuck';

  constructor(cluster: Cluster) {
    const groups = cluster.topology.groups
      .filter((group) => group.numRequests > 0)
      .map(
        (group) =>
          `group ${group.id}: ${group.waiting.length} waiting, ${group.running.length} running, ` +
          `${group.swapped.length} swapped, ${group.stalled.length} stalled, ${group.freeBlocks} of ${group.totalBlocks} KV blocks free`,
      );
    super(
      `at ${cluster.nowUs} us nothing is left to happen, but ${cluster.requests.live.size} requests are still open ` +
        `(${[`${cluster.requests.held.length} held at the cluster`, ...groups].join('; ')}). ` +
        adviceFor(cluster) +
        (cluster.totals.lastRefusal === undefined
          ? ''
          : ` The last decision refused was ${cluster.totals.lastRefusal}.`),
    );
    this.name = 'StuckError';
  }
}

function adviceFor({ topology }: Cluster): string {
  return topology.groups.some(({ acceptsRequests }) => acceptsRequests)
    ? 'No policy of the stack made room or placed them; add one that does, recompute for example.'
    : 'No instance takes requests any more: policies have drained them, and none asks for another.';
}

/** More events in one microsecond than any load brings at once: somebody reacts to the consequences of the reaction. */
export const endlessEvents = 20_000_000;

/** Virtual time stands still: a policy's decisions cause the moment at which it decides them again. */
export class EndlessError extends Error {
  readonly code = 'endless';

  constructor(timeUs: number) {
    super(
      `at ${timeUs} us more than ${endlessEvents} events happened without time going on; some decision causes itself`,
    );
    this.name = 'EndlessError';
  }
}
