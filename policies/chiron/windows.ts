import type { GroupCounters, GroupView } from '../../harness/policy/index.ts';

/** What a group did in one window. */
export interface Window extends GroupCounters {
  readonly lengthUs: number;
}

interface Look {
  readonly atUs: number;
  readonly counters: GroupCounters;
}

/** Differences of a group's counters between two looks. */
export class Windows {
  readonly #looks = new Map<number, Look>();

  /** Since the look before, at `atUs` microseconds; `undefined` at the first, or where no time has passed. */
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

/** The view may count on in place. */
function copyOf({
  numSteps,
  numCappedSteps,
  generatedTokens,
  numTokenGaps,
  tokenGapSumUs,
}: GroupCounters): GroupCounters {
  return { numSteps, numCappedSteps, generatedTokens, numTokenGaps, tokenGapSumUs };
}
