import type { DispatchDecision, GroupView, RequestView } from '../../harness/policy/index.ts';
import { dispatchFreeness } from './freeness.ts';
import type { Priorities } from './priorities.ts';

/** A group with its freeness in decode steps. */
interface Candidate {
  readonly group: GroupView;
  readonly freeness: number;
}

/**
 * The group with the highest freeness, the first of equals. As in the authors' code, a request of high priority prefers groups
 * where others of its kind are; here, as long as all of these together stay within the load that headroom is meant for. By
 * freeness alone, as in the paper, such requests would scatter, and every instance would keep headroom.
 */
export function dispatchToFreest(
  request: RequestView,
  { groups, blockSizeTokens }: { groups: readonly GroupView[]; blockSizeTokens: number },
  priorities?: Priorities,
): DispatchDecision {
  const open = groups
    .filter(({ acceptsRequests }) => acceptsRequests)
    .map((group) => ({ group, freeness: dispatchFreeness(group, blockSizeTokens, priorities) }));
  const hosts = priorities?.isHigh(request)
    ? open.filter(({ group }) => priorities.isHostFor(group, request, blockSizeTokens))
    : [];
  const best = freest(hosts.length > 0 ? hosts : open);
  if (best === undefined) return { kind: 'hold', reason: 'no group takes requests' };
  return { kind: 'dispatch', groupId: best.group.id, reason: `freest: ${stepsText(best.freeness)}` };
}

function freest(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best === undefined || candidate.freeness > best.freeness) best = candidate;
  }
  return best;
}

/** A freeness in words, for reasons. */
export function stepsText(freeness: number): string {
  if (freeness === Infinity) return 'empty';
  return freeness === -Infinity ? 'drains' : `${Math.round(freeness)} steps until full`;
}
