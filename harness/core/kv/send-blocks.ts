import { must } from '../../base/assert.ts';
import type { Cluster } from '../cluster.ts';
import { eventPriority } from '../events.ts';
import type { Request } from '../request.ts';
import { send } from '../transfers.ts';
import { takeAtTargets } from './request-memory.ts';

/** The next blocks of a request's arrival. */
export interface BlockPiece {
  readonly kind: 'exchange' | 'migration';
  readonly numBlocks: number;
  /** Tokens whose KV is in these blocks or in those that have gone before. */
  readonly numTokens: number;
  readonly chunkUs: number;
  readonly isCoordinated?: boolean;
}

/**
 * Takes cells for the blocks at the targets of the request's arrival, copies them (nobody writes the source meanwhile), and
 * sends their bytes; `onDone` once the last is there. The caller has checked that the cells are free.
 */
export function sendBlocks(cluster: Cluster, request: Request, piece: BlockPiece, onDone: () => void): void {
  const { kind, numBlocks, numTokens, chunkUs, isCoordinated } = piece;
  const arrival = must(request.arrival, `arrival of request ${request.id}`);
  const firstToken = arrival.numBlocks * cluster.blockSizeTokens;
  const { moves } = arrival;
  takeAtTargets(arrival, numBlocks);
  for (const { from, to, layers } of moves) {
    cluster.executor.copyKv(request.id, layers, {
      from: { instance: from.id, tier: 'device' },
      to: { instance: to.id, tier: 'device' },
      firstToken,
      numTokens,
    });
  }
  let numLeft = moves.length;
  if (numLeft === 0) {
    // All of it is there already; the arrival may be cancelled before that is told.
    cluster.events.scheduleCall(cluster.nowUs, eventPriority.completion, () => {
      if (request.arrival === arrival) onDone();
    });
  }
  arrival.transfers.length = 0;
  for (const { from, to, layers } of moves) {
    const movement = {
      kind,
      requestId: request.id,
      source: from.id,
      target: to.id,
      bytes: numBlocks * layers.count * cluster.cellBytes,
      links: [from.links.send, to.links.receive],
      chunkUs,
      isCoordinated: isCoordinated ?? true,
    } as const;
    const transfer = send(cluster, movement, () => {
      numLeft -= 1;
      if (numLeft === 0) onDone();
    });
    arrival.transfers.push(transfer);
  }
}
