import type { Cluster } from '../../harness/core/state/cluster.ts';
import { isDecode } from '../../harness/core/state/step-batch.ts';
import type { InstanceGroup } from '../../harness/core/state/group.ts';
import type { Instance } from '../../harness/core/state/instance.ts';
import { Request } from '../../harness/core/state/request.ts';
import { isRunning, isStalled, isSwap, statusOf } from '../../harness/core/state/request-state.ts';
import { recordOf } from '../../harness/core/state/request-record.ts';
import { keepsRunAlive } from '../../harness/core/state/events.ts';
import { requestsOf } from '../../harness/core/groups/regroup.ts';
import { blocksMissingFor, movesOf } from '../../harness/core/kv/kv-move.ts';
import { ownAttention, remoteAttentionOf } from '../../harness/core/kv/remote-attention.ts';
import { isInPlace } from '../../harness/core/kv/stall.ts';
import { hostBytes, hostProblem } from '../../harness/core/kv/swap.ts';
import { isTooLarge } from '../../harness/core/step/too-large.ts';

/** What can be asked of a request in a group, by the name of the function that is asked. */
const ofRequests: Readonly<
  Record<string, (cluster: Cluster, group: InstanceGroup, request: Request) => unknown>
> = {
  isTooLarge,
  isInPlace: (_cluster, group, request) => isInPlace(group, request),
  hostProblem: (cluster, { layout }, request) => hostProblem(cluster, request, request.layout ?? layout),
  hostBytes: (cluster, { layout }, request) => layout.parts.map((part) => hostBytes(cluster, request, part)),
  movesOf: (_cluster, group, request) => request.layout && movesOf(group, request),
  blocksMissingFor: (_cluster, group, request) =>
    request.layout && blocksMissingFor(movesOf(group, request), request.kvBlocks),
  blocksFor: (_cluster, group, { tokens }) => group.blocksFor(tokens),
  freeBlocksFor: (_cluster, group, request) => group.freeBlocksFor(request),
  matches: (_cluster, { layout }, request) => request.layout?.matches(layout),
  groupOf: ({ topology }, _group, request) => topology.groupOf(request),
  isRunning: (_cluster, _group, { state }) => isRunning(state),
  isSwap: (_cluster, _group, { state }) => isSwap(state),
  isStalled: (_cluster, _group, { state }) => isStalled(state),
  statusOf: (_cluster, _group, { state }) => statusOf(state),
  isDecode: (_cluster, _group, request) => isDecode(request, request.scheduledTokens),
  isComplete: (_cluster, _group, request) => Request.isComplete(request),
  specOf: (_cluster, _group, request) => Request.specOf(request),
  ownerOf: (_cluster, _group, request) => Request.ownerOf(request),
  recordOf: ({ nowUs }, _group, request) =>
    recordOf(request, { status: 'unfinished', reason: undefined, nowUs }),
  countOf: (_cluster, { inFlight }, request) => inFlight.map((batch) => batch.countOf(request)),
};

/** What can be asked of an instance. */
const ofInstances: Readonly<Record<string, (cluster: Cluster, instance: Instance) => unknown>> = {
  holds: (_cluster, instance) => instance.holds(2),
  hasRoomForWeights: (_cluster, { ledger }) => ledger.hasRoomForWeights(ledger.weightBytes + 1),
  includes: ({ topology }, instance) => topology.groups.map(({ layout }) => layout.includes(instance)),
  groupsOn: ({ topology }, instance) => topology.groupsOn(instance),
  servingGroupOn: ({ topology }, instance) => topology.servingGroupOn(instance),
  slotOf: ({ topology }, instance) => topology.slotOf(instance),
};

/** What can be asked of a group. */
const ofGroups: Readonly<Record<string, (cluster: Cluster, group: InstanceGroup) => unknown>> = {
  requestsOf: (_cluster, group) => requestsOf(group),
  remoteAttentionOf: (_cluster, { inFlight, pipeline }) =>
    inFlight.map((batch) => pipeline.map((stage) => remoteAttentionOf(batch, stage))),
  ownAttention: (_cluster, { inFlight, pipeline }) =>
    inFlight.map((batch) => pipeline.map((stage) => ownAttention(batch, stage))),
};

/** Those that are asked of nothing in particular. */
const ofAll: Readonly<Record<string, (cluster: Cluster) => unknown>> = {
  keepsRunAlive: () => keepsRunAlive(0),
  can: ({ stack }) => stack.can('unlimitedMemory'),
  answers: ({ stack }) => stack.answers('order'),
};

export const askedNames: ReadonlySet<string> = new Set(
  [ofRequests, ofInstances, ofGroups, ofAll].flatMap((questions) => Object.keys(questions)),
);

/** Asks everything of everybody that there is, whatever the answers. */
export function askAll(cluster: Cluster): void {
  const { topology, requests } = cluster;
  for (const ask of Object.values(ofAll)) ask(cluster);
  for (const instance of topology.instances)
    for (const ask of Object.values(ofInstances)) ask(cluster, instance);
  for (const group of topology.groups) {
    for (const ask of Object.values(ofGroups)) ask(cluster, group);
    for (const request of requests.live.values())
      for (const ask of Object.values(ofRequests)) ask(cluster, group, request);
  }
}
