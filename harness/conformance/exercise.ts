import type { DecisionRecord } from '../core/observer.ts';
import type { Policy, PolicyDefinition } from '../policy/index.ts';

/** What a policy has done in all runs of the suite: how often it was asked, and what it decided. */
export class Exercise {
  /** How often each moment was asked. */
  readonly #asked = new Map<string, number>();
  /** Applied decisions by kind, with the mode where the kind has one: `preempt swap`. */
  readonly #applied = new Map<string, number>();

  /** The policy, with its moments counted. */
  wrap(policy: Policy): Policy {
    return new Proxy(policy, {
      get: (target, moment) => {
        const ask: unknown = Reflect.get(target, moment, target);
        if (typeof ask !== 'function') return ask;
        return (...args: readonly unknown[]): unknown => {
          const answer: unknown = Reflect.apply(ask, target, args);
          addTo(this.#asked, String(moment));
          if (moment === 'initialInstances' && answer !== undefined) addTo(this.#applied, moment);
          return answer;
        };
      },
    });
  }

  /** The deps of an oracle ask here. */
  sawOracle(): void {
    addTo(this.#applied, 'trueOutputTokens');
  }

  add(decisions: readonly DecisionRecord[]): void {
    for (const { kind, data, outcome } of decisions) {
      if (outcome !== 'applied') continue;
      const { mode } = data;
      addTo(this.#applied, typeof mode === 'string' ? `${kind} ${mode}` : kind);
    }
  }

  /** What was decided and asked, for the author to read. */
  describe(): string {
    return `decided: ${listOf(this.#applied)}; asked: ${listOf(this.#asked)}`;
  }

  /** What the policy declares and has not done once, in words. */
  unused({ capabilities }: PolicyDefinition): readonly string[] {
    const missing: string[] = [];
    const need = (declared: string, ...kinds: readonly string[]): void => {
      if (!kinds.some((kind) => this.#applied.has(kind))) missing.push(`${declared} (${kinds.join(' or ')})`);
    };
    if (capabilities.dispatches === true) need('dispatches', 'dispatch');
    for (const mode of capabilities.preempts ?? []) need(`preempts by ${mode}`, `preempt ${mode}`);
    if (capabilities.dropsParameters === true) need('dropsParameters', 'drop');
    if (capabilities.migrates === true) need('migrates', 'migrate');
    if (capabilities.scales === true) need('scales', 'scaleUp', 'drain', 'initialInstances');
    if (capabilities.isOracle === true) need('isOracle', 'trueOutputTokens');
    return missing;
  }
}

function addTo(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function listOf(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'nothing';
  return [...counts].map(([key, count]) => `${key} ${count}`).join(', ');
}
