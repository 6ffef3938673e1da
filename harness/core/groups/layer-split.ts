import type { Instance } from '../state/instance.ts';
import type { LayoutPart } from '../state/kv-layout.ts';
import type { LayerRange } from '../../domain/model-shape.ts';

/** Splits the layers into contiguous ranges, one a stage, as even as possible, the earlier stages having the longer ones. */
export function splitLayers(numLayers: number, numStages: number): LayerRange[] {
  const ranges: LayerRange[] = [];
  let first = 0;
  for (let stage = 0; stage < numStages; stage += 1) {
    const count = Math.ceil((numLayers - first) / (numStages - stage));
    ranges.push({ first, count });
    first += count;
  }
  return ranges;
}

/**
 * Returns the pipeline of instances that hold several copies of the model between them: each keeps a contiguous part of the layers
 * that it holds, and every layer is kept once. As even as what they hold allows. `undefined` when that cannot be done.
 */
export function dividePipeline(
  members: readonly Instance[],
  numLayers: number,
): readonly LayoutPart[] | undefined {
  const ordered = members.toSorted((a, b) => centre(a.layers) - centre(b.layers) || a.id - b.id);
  const parts: LayoutPart[] = [];
  let first = 0;
  for (const [index, instance] of ordered.entries()) {
    const next = ordered[index + 1];
    const isWithin = first >= instance.layers.first;
    const last = Math.min(endOf(instance.layers), numLayers - (ordered.length - 1 - index));
    const least = Math.max(first + 1, next === undefined ? numLayers : next.layers.first);
    const ideal = Math.round(((index + 1) * numLayers) / ordered.length);
    const end = Math.min(last, Math.max(least, ideal));
    if (!isWithin || end < least) return undefined;
    parts.push({ instance, layers: { first, count: end - first } });
    first = end;
  }
  return parts;
}

function centre({ first, count }: LayerRange): number {
  return first + count / 2;
}

function endOf({ first, count }: LayerRange): number {
  return first + count;
}
