import { z } from 'zod';
import type { ClusterView, DispatchDecision, GroupView, RequestView } from '../../harness/policy/index.ts';
import { SentSinceReport } from '../dispatching/sent-since-report.ts';
import { dispatchFreeness } from './freeness.ts';
import type { Priorities } from './priorities.ts';

/** A group that accepts requests, with its freeness in decode steps. */
interface Candidate {
  readonly group: GroupView;
  readonly freeness: number;
}

export const dispatchParams = {
  /**
   * Whether requests sent since an instance's last report count as well. The authors' code uses reported load
   * only, so all requests that arrive between two reports go to the same instance.
   */
  countsSent: z.boolean().default(false),
};

/**
 * Dispatches to the group with the highest freeness; among equals, to the first. `Priorities` defines the
 * effect of headroom.
 */
export class FreestDispatch {
  readonly #sent: SentSinceReport | undefined;
  readonly #priorities: Priorities | undefined;

  constructor(settings: { readonly countsSent: boolean }, priorities?: Priorities) {
    this.#sent = settings.countsSent ? new SentSinceReport() : undefined;
    this.#priorities = priorities;
  }

  dispatch(request: RequestView, view: ClusterView): DispatchDecision {
    const candidates = view.groups
      .filter(({ acceptsRequests }) => acceptsRequests)
      .map((group) => ({ group, freeness: this.#freenessOf(group, request, view) }));
    const best = freest(candidates);
    if (best === undefined) return { kind: 'hold', reason: 'no group takes requests' };
    this.#sent?.add(best.group.id, view.nowUs, Math.ceil(request.tokens / view.blockSizeTokens));
    return { kind: 'dispatch', groupId: best.group.id, reason: `freest: ${stepsText(best.freeness)}` };
  }

  #freenessOf(group: GroupView, request: RequestView, { blockSizeTokens }: ClusterView): number {
    const headroomBlocks = this.#priorities?.headroomBlocksFor(request, group);
    return dispatchFreeness(group, blockSizeTokens, headroomBlocks, this.#sent?.to(group));
  }
}

function freest(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best === undefined || candidate.freeness > best.freeness) best = candidate;
  }
  return best;
}

/** Formats a freeness, in decode steps, for the reason of a decision. */
export function stepsText(freeness: number): string {
  if (freeness === Infinity) return 'empty';
  return freeness === -Infinity ? 'drains' : `${Math.round(freeness)} steps until full`;
}
