import {
  type ClusterView,
  type GroupView,
  kvCellBytes,
  type Policy,
  type RequestClass,
  type RequestView,
} from '../../harness/policy/index.ts';
import { Census } from '../../policies/chiron/census.ts';
import { chiron } from '../../policies/chiron/chiron.ts';
import { params } from '../../policies/chiron/params.ts';
import { ServiceClasses } from '../../policies/chiron/service-classes.ts';
import type { Window } from '../../policies/chiron/windows.ts';
import { deps, groupView, instanceView, requestView } from '../../harness/conformance/view-builders.ts';

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

/** KV of one block in all layers. */
export const blockBytes = deps.model.numLayers * kvCellBytes(deps.model, deps.blockSizeTokens);
const plenty = 1000 * blockBytes;

export function chat(id: number, about: Partial<RequestView> = {}): RequestView {
  return requestView(id, { className: 'chat', priority: 1, ...about });
}

/** One block of prompt, computed. */
export function bulk(id: number, about: Partial<RequestView> = {}): RequestView {
  return requestView(id, { className: 'bulk', computedTokens: 16, kvBlocks: 1, ...about });
}

/** A group of one with as much host memory; its blocks are counted from its requests. */
export function instance(id: number, about: Partial<GroupView>, hostMemoryBytes = plenty): GroupView {
  const group = groupView(id, 1, about);
  const [stage] = group.stages;
  const hardware = { ...deps.startHardware, hostMemoryBytes };
  return {
    ...group,
    stages: [{ ...stage!, instance: instanceView(id, { hardware }) }],
    waitingBlocks: blocksOf(group.waiting),
    demandBlocks:
      blocksOf(group.waiting) + blocksOf(group.running) + blocksOf(group.swapped) + blocksOf(group.stalled),
    freeBlocks: about.freeBlocks ?? group.totalBlocks - blocksOf(group.running),
  };
}

/** The policy once it has looked at the view. */
export function chironAt(view: ClusterView, settings: object = {}): Policy {
  const parsed = chiron.params.parse({ global: false, ...settings });
  const policy = chiron.create(parsed, { ...deps, classes: requestClasses });
  policy.onTick?.(view);
  return policy;
}

function blocksOf(requests: Iterable<RequestView>): number {
  let blocks = 0;
  for (const { tokens } of requests) blocks += Math.ceil(tokens / deps.blockSizeTokens);
  return blocks;
}
