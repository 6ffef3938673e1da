import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { wallClockUs } from '../base/clock.ts';
import type { PagedKv } from './paged-kv.ts';
import type { TensorOps } from './tensor-ops.ts';

/**
 * Times attention over KV of other instances apart from the stage that asks for it. The device works through what it is given
 * in its own time, so that the clock waits for it before and after.
 */
export class RemoteClock {
  readonly #ops: TensorOps;
  readonly #local: PagedKv;
  readonly #us = new Map<PagedKv, number>();

  /** `local`: the KV of the instance that runs the stage. */
  constructor(ops: TensorOps, local: PagedKv) {
    this.#ops = ops;
    this.#local = local;
  }

  /** What attention over this KV has taken. */
  usOf(kv: PagedKv): number {
    return this.#us.get(kv) ?? 0;
  }

  get totalUs(): number {
    let sum = 0;
    for (const us of this.#us.values()) sum += us;
    return sum;
  }

  /** Attends to the KV, from queries that may still be on their way; timed if the KV is another instance's. */
  time(kv: PagedKv, queries: DeviceTensor, attend: () => DeviceTensor): DeviceTensor {
    if (kv === this.#local) return attend();
    this.#ops.waitFor(queries);
    const startUs = wallClockUs();
    const attended = attend();
    this.#ops.waitFor(attended);
    this.#us.set(kv, this.usOf(kv) + wallClockUs() - startUs);
    return attended;
  }
}
