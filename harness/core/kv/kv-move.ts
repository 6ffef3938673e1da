import { must } from '../../base/assert.ts';
import type { Cluster } from '../state/cluster.ts';
import { eventPriority } from '../state/events.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import type { KvMove } from '../state/request-state.ts';
import { send } from '../transfers.ts';
import type { LayoutMove } from '../state/kv-layout.ts';
import { wakeGroupsOn } from './wake-groups.ts';

/**
 * Returns the layers whose KV has to change instance to be where the group's layers are. Layers that stay are not listed.
 */
export function movesOf(group: InstanceGroup, request: Request): LayoutMove[] {
  const layout = must(request.layout, `KV layout of request ${request.id}`);
  return layout.movesTo(group.layout).filter(({ from, to }) => from !== to);
}

/**
 * Returns how many of `numBlocks` do not fit the free cells at the moves' targets, counted at the fullest target; 0 if
 * all fit.
 */
export function blocksMissingFor(moves: readonly LayoutMove[], numBlocks: number): number {
  let missing = 0;
  for (const { to } of moves) {
    let numLayers = 0;
    for (const move of moves) if (move.to === to) numLayers += move.layers.count;
    missing = Math.max(missing, numBlocks - Math.floor(to.ledger.freeCells / numLayers));
  }
  return missing;
}

/** The blocks of a KV move that are sent next. */
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
 * Takes cells for the blocks at the targets of the KV move, copies them (nobody writes the source meanwhile), and
 * sends their bytes once both sides have agreed; `onDone` once the last is there. The caller has checked that the cells are
 * free.
 */
export function sendBlocks(cluster: Cluster, request: Request, piece: BlockPiece, onDone: () => void): void {
  const { numBlocks, numTokens, handshakeUs = 0 } = piece;
  const kvMove = must(request.kvMove, `KV move of request ${request.id}`);
  const firstToken = kvMove.numBlocks * cluster.blockSizeTokens;
  takeAtTargets(kvMove, numBlocks);
  for (const { from, to, layers } of kvMove.moves) {
    cluster.effects.executor.copyKv(request.id, layers, {
      from: { instanceId: from.id, tier: 'device' },
      to: { instanceId: to.id, tier: 'device' },
      firstToken,
      numTokens,
    });
  }
  kvMove.transfers.length = 0;
  const isAllThere = kvMove.moves.length === 0;
  if (handshakeUs === 0 && !isAllThere) {
    sendBytes(cluster, request, piece, onDone);
    return;
  }
  cluster.effects.events.scheduleCall(cluster.nowUs + handshakeUs, eventPriority.completion, () => {
    // The move may have been cancelled meanwhile.
    if (request.kvMove !== kvMove) return;
    if (isAllThere) onDone();
    else sendBytes(cluster, request, piece, onDone);
  });
}

function sendBytes(cluster: Cluster, request: Request, piece: BlockPiece, onDone: () => void): void {
  const { kind, numBlocks, chunkUs, isCoordinated = true } = piece;
  const { moves, transfers } = must(request.kvMove, `KV move of request ${request.id}`);
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
function takeAtTargets(kvMove: KvMove, numBlocks: number): void {
  for (const { to, layers } of kvMove.moves) to.ledger.take(numBlocks * layers.count);
  kvMove.numBlocks += numBlocks;
}

/** Ends a move whose KV is at its targets: the old cells become free, and the request runs on in its group, which is returned. */
export function completeKvMove(cluster: Cluster, request: Request): InstanceGroup {
  const group = must(cluster.topology.groupOf(request), `group of request ${request.id}`);
  const { layout, moves } = must(request.kvMove, `KV move of request ${request.id}`);
  const before = must(request.layout, `KV layout of request ${request.id}`);
  request.layout = layout;
  for (const { from, layers } of moves) {
    from.ledger.giveBack(request.kvBlocks * layers.count);
    cluster.effects.executor.releaseKv(request.id, layers, { instanceId: from.id, tier: 'device' });
  }
  request.resume();
  wakeGroupsOn(cluster, before);
  cluster.effects.wake(group);
  return group;
}
