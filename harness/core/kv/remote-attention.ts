import { must } from '../../base/assert.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { Cluster } from '../state/cluster.ts';
import { eventPriority } from '../state/events.ts';
import type { KvPlacement, MicroBatch, RemoteAttention, Stage } from '../executor.ts';
import type { Request } from '../state/request.ts';
import type { GroupStage } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import { isDecode, nothingRemote, type StepBatch } from '../state/step-batch.ts';
import { send } from '../transfers.ts';

/**
 * Remote attention (KunServe, first version): where KV of an entry lies on another instance, the stage sends query, key
 * and value of each new token there, layer by layer; the owner computes the attention and sends the result back, and the
 * stage goes on when all has come. Layers follow each other, so that what they take adds up: the messages there, the
 * attention and the messages back are each charged in one piece, after what the stage computes itself. Attention on
 * its own KV, which it could compute meanwhile, is part of the latter.
 */
export function sendAttention(
  cluster: Cluster,
  batch: StepBatch,
  stage: GroupStage,
  onDone: () => void,
): void {
  const { remote, remoteUs } = batch;
  let numLeft = remote.length;
  batch.transfers.length = 0;
  if (numLeft === 0) onDone();
  for (const [index, each] of remote.entries()) {
    const route = { member: stage.member, remote: each, durationUs: remoteUs[index] as number };
    sendThereAndBack(cluster, batch, route, () => {
      numLeft -= 1;
      if (numLeft === 0) onDone();
    });
  }
}

function sendThereAndBack(
  cluster: Cluster,
  batch: StepBatch,
  { member, remote, durationUs }: { member: Instance; remote: RemoteAttention; durationUs: number },
  onDone: () => void,
): void {
  const { model } = cluster;
  const owner = must(cluster.topology.instances[remote.ownerId], `instance ${remote.ownerId}`);
  const elementBytes = remote.tokenLayers * model.headDim * model.bytesPerWeight;
  const there = {
    kind: 'attention',
    source: member.id,
    target: owner.id,
    bytes: elementBytes * (model.numHeads + 2 * model.numKvHeads),
    links: [member.links.send, owner.links.receive],
    numMessages: remote.numLayers,
  } as const;
  const back = {
    ...there,
    source: owner.id,
    target: member.id,
    bytes: elementBytes * model.numHeads,
    links: [owner.links.send, member.links.receive],
  };
  const sendBack = (): void => {
    // A member may have failed meanwhile.
    if (!batch.isAbandoned) batch.transfers.push(send(cluster.effects, back, onDone));
  };
  batch.transfers.push(send(cluster.effects, there, () => attend(cluster, owner, durationUs, sendBack)));
}

/**
 * The owner computes attention for another instance's stage: one after the other in order of request, and between the
 * kernels of its own stage, which takes so much longer. So nothing waits for a whole stage, and the device never does two
 * things at a time. What is not modelled: the wait for the kernel under way, a part of a layer's time.
 */
function attend(cluster: Cluster, owner: Instance, durationUs: number, onDone: () => void): void {
  const slot = cluster.topology.slotOf(owner);
  slot.remoteAttentionUntilUs = Math.max(cluster.nowUs, slot.remoteAttentionUntilUs) + durationUs;
  if (slot.current !== undefined && slot.busyUntilUs > cluster.nowUs) {
    slot.busyUntilUs += durationUs;
    slot.current.remoteAttentionUs += durationUs;
  } else slot.remoteAttentionSinceStageUs += durationUs;
  cluster.effects.events.scheduleCall(slot.remoteAttentionUntilUs, eventPriority.completion, () => {
    if (!owner.isGone) owner.busyUs += durationUs;
    onDone();
  });
}

/** What other instances have to compute for a stage of a micro-batch. */
export function remoteAttentionOf(batch: StepBatch, stage: Stage): readonly RemoteAttention[] {
  if (batch.numRemote === 0) return nothingRemote;
  const byOwner = new Map<InstanceId, Sums>();
  for (let index = 0; index < batch.size; index += 1) {
    const placement = batch.placements[index];
    if (placement !== undefined) addEntry(byOwner, batch, index, { stage, placement });
  }
  return [...byOwner.values()];
}

type Sums = { -readonly [Key in keyof RemoteAttention]: RemoteAttention[Key] };

function addEntry(
  byOwner: Map<InstanceId, Sums>,
  batch: StepBatch,
  index: number,
  { stage, placement }: { stage: Stage; placement: KvPlacement },
): void {
  const numTokens = batch.numTokens[index] as number;
  const pastTokens = batch.pastTokens[index] as number;
  const decodes = isDecode(batch.requests[index] as Request, pastTokens);
  const end = stage.layers.first + stage.layers.count;
  for (const { instanceId: ownerId, layers } of placement) {
    const first = Math.max(layers.first, stage.layers.first);
    const numLayers = Math.min(layers.first + layers.count, end) - first;
    if (ownerId === stage.instanceId || numLayers <= 0) continue;
    const sums = byOwner.get(ownerId) ?? {
      ownerId,
      numLayers: 0,
      tokenLayers: 0,
      pairLayers: 0,
      contextLayers: 0,
      decodeContextLayers: 0,
    };
    sums.numLayers = Math.max(sums.numLayers, numLayers);
    sums.tokenLayers += numTokens * numLayers;
    sums.pairLayers += (numTokens * pastTokens + (numTokens * (numTokens + 1)) / 2) * numLayers;
    sums.contextLayers += (pastTokens + numTokens) * numLayers;
    if (decodes) sums.decodeContextLayers += (pastTokens + 1) * numLayers;
    byOwner.set(ownerId, sums);
  }
}

/** What attention the stage computes itself: sums over the entries, a mean of its layers. */
export function ownAttention(
  batch: MicroBatch,
  { layers }: Pick<Stage, 'layers'>,
): Pick<MicroBatch, 'attentionPairs' | 'contextTokens' | 'decodeContextTokens'> {
  if (batch.remote.length === 0) return batch;
  // In whole numbers until the mean is taken: a rest of rounding would read as prefill beside decoding.
  const sumOf = (own: number, key: 'pairLayers' | 'contextLayers' | 'decodeContextLayers'): number =>
    batch.remote.reduce((left, each) => left - each[key], own * layers.count) / layers.count;
  return {
    attentionPairs: sumOf(batch.attentionPairs, 'pairLayers'),
    contextTokens: sumOf(batch.contextTokens, 'contextLayers'),
    decodeContextTokens: sumOf(batch.decodeContextTokens, 'decodeContextLayers'),
  };
}
