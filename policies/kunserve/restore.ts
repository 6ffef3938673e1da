import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import type { MemoryUnits } from './memory.ts';

export interface RestoreRule {
  /** Share of the KV memory without drop below which parameters come back. */
  readonly restoreUsage: number;
  /** Time between two load reports, in milliseconds. */
  readonly reportMs: number;
  /** Reports over which usage must not have risen. */
  readonly trendReports: number;
}

/**
 * When parameters come back (KunServe, section 4.4): the KV in use is below half of what the cluster has room for *without*
 * any drop, and is not on the rise. Measured against the room with drop it would oscillate: restoring shrinks the room,
 * which raises the usage. As in the authors' code, usage is what the last load report said, once in half a second, and the
 * code asks for a fall over the last 30 reports (the sum of their differences, which is the last less the first); a
 * cluster that has fallen idle does not fall any further and is restored here as well.
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

  /** At every poll; takes a report where one is due. */
  record(view: ClusterView): void {
    if (view.nowUs - this.#reportedAtUs < this.#rule.reportMs * 1000) return;
    this.#reportedAtUs = view.nowUs;
    this.#usages.push(usageWithoutDrop(view, this.#units));
    if (this.#usages.length > this.#rule.trendReports + 1) this.#usages.shift();
  }

  /** KV in use as a share of the KV memory without drop, at the last report. */
  get usage(): number {
    return this.#usages.at(-1) ?? 0;
  }

  /**
   * Pipelines to restore, all at once as the usage allows it for the cluster as a whole: their loads use links of their
   * own members, and requests that end in a retiring pipeline would keep the next one waiting for minutes.
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

  /** Whether each member has room beside the whole model, by the same share as the cluster, and each request on one instance. */
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

/** Whether groups change, or KV is still on its way after they have. Instances that start or drain are no part of it. */
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
