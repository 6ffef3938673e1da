import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import type { MemoryUnits } from './memory.ts';

export interface RestoreRule {
  /** Usage below which parameters are restored, as a share of the KV memory without any drop. */
  readonly restoreUsage: number;
  /** Milliseconds between two load reports. */
  readonly reportMs: number;
  /** Number of reports over which the usage must not have risen. */
  readonly trendReports: number;
}

/**
 * Decides when parameters are restored (KunServe, section 4.4): when the KV in use is below half of the KV
 * memory that the cluster would have *without* any drop, and is not rising. Measured against the memory with
 * the drop, the decision would oscillate, because restoring shrinks that memory and so raises the usage. As
 * in the authors' code, the usage is sampled by a load report every half second. The code requires a fall
 * over the last 30 reports (the sum of their differences, that is, last minus first); here an unchanged usage
 * suffices, so that an idle cluster is restored as well.
 */
export class RestoreTrigger {
  readonly #rule: RestoreRule;
  readonly #units: MemoryUnits;
  readonly #numLayers: number;
  readonly #usages: number[] = [];
  #reportedAtUs = -Infinity;

  constructor(rule: RestoreRule, units: MemoryUnits, numLayers: number) {
    this.#rule = rule;
    this.#units = units;
    this.#numLayers = numLayers;
  }

  /** Records the usage if a report is due. Must be called at every poll. */
  record(view: ClusterView): void {
    if (view.nowUs - this.#reportedAtUs < this.#rule.reportMs * 1000) return;
    this.#reportedAtUs = view.nowUs;
    this.#usages.push(usageWithoutDrop(view, this.#units));
    if (this.#usages.length > this.#rule.trendReports + 1) this.#usages.shift();
  }

  /** KV in use at the last report, as a share of the KV memory without any drop. */
  get usage(): number {
    return this.#usages.at(-1) ?? 0;
  }

  /**
   * Returns the pipelines to restore, all at once if the usage of the whole cluster allows it. Their weight
   * loads use different links, and restoring one after the other would take minutes, because each waits for
   * requests that end in a retiring pipeline.
   */
  restorable(view: ClusterView): readonly GroupView[] {
    const first = this.#usages[0];
    if (first === undefined || this.#usages.length < 2) return [];
    if (this.usage >= this.#rule.restoreUsage || this.usage > first || isInTransition(view)) return [];
    return view.groups.filter(
      (group) =>
        group.phase === 'serving' && group.stages.length > 1 && this.#fits(group, view.blockSizeTokens),
    );
  }

  /**
   * Tells whether the KV of each member and each single request would fit on an instance that holds the whole
   * model, at the same usage threshold as the cluster.
   */
  #fits(group: GroupView, blockSizeTokens: number): boolean {
    const { undroppedCells } = this.#units;
    const cells = group.stages.map(({ instance }) => undroppedCells(instance.hardware));
    const { restoreUsage } = this.#rule;
    const isFull = group.stages.some(
      ({ instance }, index) => instance.usedCells > restoreUsage * (cells[index] as number),
    );
    if (isFull) return false;
    const mostTokens = Math.floor(Math.min(...cells) / this.#numLayers) * blockSizeTokens;
    for (const list of [group.running, group.waiting, group.swapped]) {
      for (const { tokens } of list) if (tokens > mostTokens) return false;
    }
    return true;
  }
}

/**
 * Tells whether any groups are merging, restoring or retiring, or have KV still to exchange. Starting and
 * draining instances do not count.
 */
function isInTransition({ groups }: ClusterView): boolean {
  return groups.some(
    ({ phase, stalled }) =>
      phase === 'merging' || phase === 'restoring' || phase === 'retiring' || stalled.length > 0,
  );
}

function usageWithoutDrop({ instances }: ClusterView, { undroppedCells }: MemoryUnits): number {
  let usedCells = 0;
  let totalCells = 0;
  for (const instance of instances) {
    if (instance.state !== 'ready') continue;
    usedCells += instance.usedCells;
    totalCells += undroppedCells(instance.hardware);
  }
  return totalCells === 0 ? 0 : usedCells / totalCells;
}
