import type { GroupId, GroupView } from '../../harness/policy/index.ts';
import type { Window } from './windows.ts';

/**
 * Decay of the running averages: each new window multiplies the weight of all earlier ones by this, so about
 * ten windows are remembered.
 */
const decay = 0.9;

interface Rate {
  tokens: number;
  us: number;
}

/** Measures the rate at which each group generates tokens, in tokens per microsecond. */
export class Throughput {
  readonly #rates = new Map<GroupId, Rate>();

  /**
   * Adds a window. A window without tokens is ignored: it means that there was nothing to do, not that the
   * instance is slow.
   */
  observe({ id }: GroupView, window: Window): void {
    if (window.generatedTokens === 0) return;
    const rate = this.#rates.get(id) ?? { tokens: 0, us: 0 };
    rate.tokens = decay * rate.tokens + window.generatedTokens;
    rate.us = decay * rate.us + window.lengthUs;
    this.#rates.set(id, rate);
  }

  /**
   * Returns the highest rate per instance among the groups, because the others may only have less to do.
   * Undefined before anything has been measured.
   */
  perInstance(groups: readonly GroupView[]): number | undefined {
    let most: number | undefined;
    for (const { id, stages } of groups) {
      const rate = this.#rates.get(id);
      if (rate !== undefined) most = Math.max(most ?? 0, rate.tokens / rate.us / stages.length);
    }
    return most;
  }
}
