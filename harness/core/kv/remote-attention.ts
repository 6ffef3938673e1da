import { must } from '../../base/assert.ts';
import type { Cluster } from '../cluster.ts';
import type { KvPlacement } from '../executor.ts';
import type { GroupStage } from '../group.ts';
import type { Instance } from '../instance.ts';
import type { StepBatch } from '../step-batch.ts';
import { send } from '../transfers.ts';

/** What a stage exchanges with one instance that holds KV of its requests. */
interface Traffic {
  /** Sum over layers of the tokens whose attention runs there. */
  tokenLayers: number;
  /** Messages each way. */
  numLayers: number;
}

/**
 * Remote attention (KunServe, first version): where KV of an entry lies on another instance, the stage sends query, key
 * and value of each new token there and gets the attention result back, layer by layer; it goes on when all has come.
 */
export function sendAttention(
  cluster: Cluster,
  batch: StepBatch,
  stage: GroupStage,
  onDone: () => void,
): void {
  const traffic = trafficByOwner(batch, stage);
  let numLeft = traffic.size;
  batch.transfers.length = 0;
  if (numLeft === 0) onDone();
  for (const [ownerId, ownerTraffic] of traffic) {
    const owner = must(cluster.instances[ownerId], `instance ${ownerId}`);
    sendThereAndBack(cluster, batch, { stage, owner, traffic: ownerTraffic }, () => {
      numLeft -= 1;
      if (numLeft === 0) onDone();
    });
  }
}

function sendThereAndBack(
  cluster: Cluster,
  batch: StepBatch,
  { stage, owner, traffic }: { stage: GroupStage; owner: Instance; traffic: Traffic },
  onDone: () => void,
): void {
  const { model } = cluster;
  const { member } = stage;
  const elementBytes = traffic.tokenLayers * model.headDim * model.bytesPerWeight;
  const there = {
    kind: 'attention',
    source: member.id,
    target: owner.id,
    bytes: elementBytes * (model.numHeads + 2 * model.numKvHeads),
    links: [member.links.send, owner.links.receive],
    numMessages: traffic.numLayers,
  } as const;
  const back = {
    ...there,
    source: owner.id,
    target: member.id,
    bytes: elementBytes * model.numHeads,
    links: [owner.links.send, member.links.receive],
  };
  batch.transfers.push(
    send(cluster, there, () => {
      batch.transfers.push(send(cluster, back, onDone));
    }),
  );
}

function trafficByOwner(batch: StepBatch, stage: GroupStage): Map<number, Traffic> {
  const traffic = new Map<number, Traffic>();
  for (let index = 0; index < batch.size; index += 1) {
    const placement = batch.placements[index];
    if (placement !== undefined) addEntry(traffic, stage, placement, batch.numTokens[index] as number);
  }
  return traffic;
}

function addEntry(
  traffic: Map<number, Traffic>,
  { instance, layers }: GroupStage,
  placement: KvPlacement,
  numTokens: number,
): void {
  for (const part of placement) {
    const first = Math.max(part.layers.first, layers.first);
    const end = Math.min(part.layers.first + part.layers.count, layers.first + layers.count);
    if (part.instance === instance || end <= first) continue;
    const known = traffic.get(part.instance) ?? { tokenLayers: 0, numLayers: 0 };
    known.tokenLayers += numTokens * (end - first);
    known.numLayers = Math.max(known.numLayers, end - first);
    traffic.set(part.instance, known);
  }
}
