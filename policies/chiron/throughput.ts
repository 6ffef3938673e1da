import type { GroupView } from '../../harness/policy/index.ts';
import type { Window } from './windows.ts';

/** Weight of all earlier windows against the latest, when rates are averaged: about ten windows are remembered. */
const memory = 0.9;

interface Rate {
  tokens: number;
  us: number;
}

/** Tokens per microsecond that instances generate, measured while they generate. */
export class Throughput {
  readonly #rates = new Map<number, Rate>();

  /** A window without tokens says that there was nothing to do, not that the instance is slow. */
  observe({ id }: GroupView, window: Window): void {
    if (window.generatedTokens === 0) return;
    const rate = this.#rates.get(id) ?? { tokens: 0, us: 0 };
    rate.tokens = memory * rate.tokens + window.generatedTokens;
    rate.us = memory * rate.us + window.lengthUs;
    this.#rates.set(id, rate);
  }

  /**
   * What one instance does when it is asked to: the most of these. Others may have less to do. `undefined` before
   * anything has been measured.
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
