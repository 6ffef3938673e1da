import { must } from '../../base/assert.ts';
import type { Cluster } from '../state/cluster.ts';
import { eventPriority } from '../state/events.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import type { KvArrival } from '../state/request-state.ts';
import { send } from '../transfers.ts';
import type { LayoutMove } from '../state/kv-layout.ts';
import { wakeGroupsOn } from './request-memory.ts';

/** What of the request's KV is not where the group's layers are. */
export function movesOf(group: InstanceGroup, request: Request): LayoutMove[] {
  const layout = must(request.layout, `KV layout of request ${request.id}`);
  return layout.movesTo(group.layout).filter(({ from, to }) => from !== to);
}

/** The next blocks of a request's arrival. */
export interface BlockPiece {
  readonly kind: 'exchange' | 'migration';
  readonly numBlocks: number;
  /** Tokens whose KV is in these blocks or in those that have gone before. */
  readonly numTokens: number;
  readonly chunkUs: number;
  readonly isCoordinated?: boolean;
  /** Before the first byte travels, while nothing is on a link; 0 where not given. */
  readonly handshakeUs?: number;
}

/**
 * Takes cells for the blocks at the targets of the request's arrival, copies them (nobody writes the source meanwhile), and
 * sends their bytes once both sides have agreed; `onDone` once the last is there. The caller has checked that the cells are
 * free.
 */
export function sendBlocks(cluster: Cluster, request: Request, piece: BlockPiece, onDone: () => void): void {
  const { numBlocks, numTokens, handshakeUs = 0 } = piece;
  const arrival = must(request.arrival, `arrival of request ${request.id}`);
  const firstToken = arrival.numBlocks * cluster.blockSizeTokens;
  takeAtTargets(arrival, numBlocks);
  for (const { from, to, layers } of arrival.moves) {
    cluster.effects.executor.copyKv(request.id, layers, {
      from: { instance: from.id, tier: 'device' },
      to: { instance: to.id, tier: 'device' },
      firstToken,
      numTokens,
    });
  }
  arrival.transfers.length = 0;
  const isAllThere = arrival.moves.length === 0;
  if (handshakeUs === 0 && !isAllThere) {
    sendBytes(cluster, request, piece, onDone);
    return;
  }
  cluster.effects.events.scheduleCall(cluster.nowUs + handshakeUs, eventPriority.completion, () => {
    // The arrival may have been cancelled meanwhile.
    if (request.arrival !== arrival) return;
    if (isAllThere) onDone();
    else sendBytes(cluster, request, piece, onDone);
  });
}

function sendBytes(cluster: Cluster, request: Request, piece: BlockPiece, onDone: () => void): void {
  const { kind, numBlocks, chunkUs, isCoordinated = true } = piece;
  const { moves, transfers } = must(request.arrival, `arrival of request ${request.id}`);
  let numLeft = moves.length;
  for (const { from, to, layers } of moves) {
    const movement = {
      kind,
      requestId: request.id,
      source: from.id,
      target: to.id,
      bytes: numBlocks * layers.count * cluster.cellBytes,
      links: [from.links.send, to.links.receive],
      chunkUs,
      isCoordinated,
    } as const;
    const transfer = send(cluster.effects, movement, () => {
      numLeft -= 1;
      if (numLeft === 0) onDone();
    });
    transfers.push(transfer);
  }
}

/** Takes cells for so many more blocks of what is on its way. The caller has checked that they are free. */
function takeAtTargets(arrival: KvArrival, numBlocks: number): void {
  for (const { to, layers } of arrival.moves) to.ledger.take(numBlocks * layers.count);
  arrival.numBlocks += numBlocks;
}

/** The KV is at its targets: the old cells are free, and the request runs on in the group that it belongs to. */
export function completeArrival(cluster: Cluster, request: Request): InstanceGroup {
  const group = must(cluster.topology.groupOf(request), `group of request ${request.id}`);
  const { layout, moves } = must(request.arrival, `arrival of request ${request.id}`);
  const before = must(request.layout, `KV layout of request ${request.id}`);
  request.layout = layout;
  for (const { from, layers } of moves) {
    from.ledger.giveBack(request.kvBlocks * layers.count);
    cluster.effects.executor.releaseKv(request.id, layers, { instance: from.id, tier: 'device' });
  }
  request.resume();
  wakeGroupsOn(cluster, before);
  cluster.effects.wake(group);
  return group;
}
