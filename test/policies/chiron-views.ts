import type { ClusterView, GroupView, RequestClass } from '../../harness/policy/index.ts';
import { Census } from '../../policies/chiron/census.ts';
import { params } from '../../policies/chiron/params.ts';
import { ServiceClasses } from '../../policies/chiron/service-classes.ts';
import type { Window } from '../../policies/chiron/windows.ts';
import { groupView, requestView } from './views.ts';

export const requestClasses: readonly RequestClass[] = [
  { name: 'chat', priority: 1, slo: { ttftUs: 1e6 } },
  { name: 'bulk', priority: 0, slo: { ttftUs: 600e6 } },
];
export const classes = new ServiceClasses(requestClasses, params.parse({}));

/** Groups of the given roles, each with so many interactive requests and no batch request. */
export function groupsOf(counts: readonly (readonly [role: string, numInteractive: number])[]): GroupView[] {
  return counts.map(([role, numInteractive], id) => {
    const running = Array.from({ length: numInteractive }, (_, index) =>
      requestView(index, { className: 'chat' }),
    );
    return groupView(id, 1, { role, running });
  });
}

export function censusOf(view: ClusterView): Census {
  const census = new Census(classes);
  census.recount(view);
  return census;
}

/** A window in which so many tokens came. */
export function windowOf(generatedTokens: number, lengthUs = 1e6): Window {
  return { lengthUs, generatedTokens, numSteps: 1, numCappedSteps: 0, numTokenGaps: 0, tokenGapSumUs: 0 };
}
