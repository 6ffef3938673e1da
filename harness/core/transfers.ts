import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { Effects } from './state/effects.ts';
import type { Link, Transfer } from './state/fabric.ts';
import type { TransferKind } from './observer.ts';

export interface Movement {
  readonly kind: TransferKind;
  readonly requestId?: RequestId;
  readonly source: InstanceId | 'host' | 'disk';
  readonly target: InstanceId | 'host';
  readonly bytes: number;
  readonly links: readonly Link[];
  /** Messages one after the other, each paying the latency; 1 where not given. */
  readonly numMessages?: number;
  /** See `Fabric.submit`. */
  readonly chunkUs?: number;
  readonly isCoordinated?: boolean;
}

/** Sends bytes over the fabric, and tells the observer when they are there. The handle can be cancelled. */
export function send(effects: Effects, movement: Movement, onDone: () => void): Transfer {
  const { requestId, source, target, ...transfer } = movement;
  return effects.fabric.submit({
    ...transfer,
    onDone: ({ requestedAtUs, startedAtUs }) => {
      effects.observer.transferEnded({
        kind: movement.kind,
        requestId,
        source,
        target,
        bytes: movement.bytes,
        requestedAtUs,
        startedAtUs: startedAtUs ?? requestedAtUs,
        endedAtUs: effects.events.nowUs,
      });
      onDone();
    },
  });
}
