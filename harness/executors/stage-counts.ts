import type { MicroBatch, Stage } from '../core/executor.ts';
import { holdsLayer } from '../domain/model-shape.ts';
import type { StageCounts } from '../domain/stage-profile.ts';
import { attentionShapeOf, type Span } from '../model/attention-groups.ts';
import type { KvCellShape } from '../model/paged-kv.ts';

/** What of a micro-batch the counts of a stage's terms depend on. */
export type CountedBatch = Pick<
  MicroBatch,
  'size' | 'numTokens' | 'pastTokens' | 'samples' | 'totalTokens' | 'numRemote' | 'placements'
>;

/** Returns how often each term of the cost occurs in a stage of a micro-batch. */
export function stageCounts(
  batch: CountedBatch,
  stage: Pick<Stage, 'instanceId' | 'layers' | 'isLast'>,
  kvShape: KvCellShape,
): StageCounts {
  const numLayers = stage.layers.count;
  const { totalTokens, size } = batch;
  const attention = {
    pair: 0,
    layerGroup: 0,
    layerPrompt: 0,
    layerPromptGroup: 0,
    layerGathered: 0,
    layerPair: 0,
  };
  for (const { layers, entries } of ownAttention(batch, stage)) {
    const { numGroups, numPromptGroups, gatheredTokens, pairs } = attentionShapeOf(entries, kvShape);
    attention.pair += pairs;
    attention.layerGroup += layers * numGroups;
    if (numPromptGroups > 0) attention.layerPrompt += layers;
    attention.layerPromptGroup += layers * numPromptGroups;
    attention.layerGathered += layers * gatheredTokens;
    attention.layerPair += layers * pairs;
  }
  return {
    stage: 1,
    entry: size,
    token: totalTokens,
    head: stage.isLast ? 1 : 0,
    sample: stage.isLast ? numSamples(batch) : 0,
    layer: numLayers,
    layerToken: numLayers * totalTokens,
    ...attention,
  };
}

interface AttendedLayers {
  /** Number of layers in which the stage computes attention of these entries. */
  readonly layers: number;
  readonly entries: readonly Span[];
}

/** The entries whose attention the stage computes itself: all of them, unless KV of some is on other instances. */
function ownAttention(
  batch: CountedBatch,
  { instanceId, layers }: Pick<Stage, 'instanceId' | 'layers'>,
): readonly AttendedLayers[] {
  const all = Array.from(
    { length: batch.size },
    (_, index): Span => ({
      requestId: index,
      numTokens: batch.numTokens[index] as number,
      pastTokens: batch.pastTokens[index] as number,
    }),
  );
  if (batch.numRemote === 0) return [{ layers: layers.count, entries: all }];
  const isOwn = (index: number, layer: number): boolean =>
    batch.placements[index]?.every(
      (part) => part.instanceId === instanceId || !holdsLayer(part.layers, layer),
    ) ?? true;
  return Array.from({ length: layers.count }, (_, offset) => ({
    layers: 1,
    entries: all.filter((_entry, index) => isOwn(index, layers.first + offset)),
  }));
}

function numSamples({ size, samples }: CountedBatch): number {
  let count = 0;
  for (let index = 0; index < size; index += 1) count += samples[index] as number;
  return count;
}
