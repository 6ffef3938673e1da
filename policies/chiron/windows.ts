import type { GroupCounters, GroupId, GroupView } from '../../harness/policy/index.ts';

/** The change of a group's counters over one measurement window of `lengthUs` microseconds. */
export interface Window extends GroupCounters {
  readonly lengthUs: number;
}

interface Look {
  readonly atUs: number;
  readonly counters: GroupCounters;
}

/** Turns a group's cumulative counters into differences between consecutive calls. */
export class Windows {
  readonly #looks = new Map<GroupId, Look>();

  /**
   * Returns the change since the previous call for this group, where `atUs` is the time of the counters in
   * microseconds. Undefined on the first call, or if no time has passed.
   */
  next({ id, counters }: GroupView, atUs: number): Window | undefined {
    const last = this.#looks.get(id);
    if (last?.atUs === atUs) return undefined;
    this.#looks.set(id, { atUs, counters: copyOf(counters) });
    if (last === undefined) return undefined;
    const { numSteps, numCappedSteps, generatedTokens, numTokenGaps, tokenGapSumUs } = last.counters;
    return {
      lengthUs: atUs - last.atUs,
      numSteps: counters.numSteps - numSteps,
      numCappedSteps: counters.numCappedSteps - numCappedSteps,
      generatedTokens: counters.generatedTokens - generatedTokens,
      numTokenGaps: counters.numTokenGaps - numTokenGaps,
      tokenGapSumUs: counters.tokenGapSumUs - tokenGapSumUs,
    };
  }
}

/** Copies the counters, because the core updates the view's object in place. */
function copyOf({
  numSteps,
  numCappedSteps,
  generatedTokens,
  numTokenGaps,
  tokenGapSumUs,
}: GroupCounters): GroupCounters {
  return { numSteps, numCappedSteps, generatedTokens, numTokenGaps, tokenGapSumUs };
}
