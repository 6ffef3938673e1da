import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import type { WorkTimer } from '../base/work-timer.ts';
import type { PagedKv } from './paged-kv.ts';
import type { TensorOps } from './tensor-ops.ts';

/**
 * Measures attention on KV of other instances separately from the stage that needs it. The device works
 * asynchronously, so the clock waits for it before and after.
 */
export class RemoteClock {
  readonly #ops: TensorOps;
  readonly #timer: WorkTimer;
  readonly #local: PagedKv;
  readonly #us = new Map<PagedKv, number>();

  /** `local` is the KV of the instance that runs the stage. */
  constructor(ops: TensorOps, timer: WorkTimer, local: PagedKv) {
    this.#ops = ops;
    this.#timer = timer;
    this.#local = local;
  }

  /** Returns the time that attention on this KV has taken, in microseconds. */
  usOf(kv: PagedKv): number {
    return this.#us.get(kv) ?? 0;
  }

  get totalUs(): number {
    let sum = 0;
    for (const us of this.#us.values()) sum += us;
    return sum;
  }

  /**
   * Runs `attend` on the given KV and returns its result. If the KV is another instance's, waits for the
   * queries first and times the attention.
   */
  time(kv: PagedKv, queries: DeviceTensor, attend: () => DeviceTensor): DeviceTensor {
    if (kv === this.#local) return attend();
    this.#ops.waitFor(queries);
    const elapsed = this.#timer();
    const attended = attend();
    this.#ops.waitFor(attended);
    this.#us.set(kv, this.usOf(kv) + elapsed());
    return attended;
  }
}
