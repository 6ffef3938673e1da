import type { Rng } from '../base/rng.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { MadeEntry } from '../executors/made-batch.ts';

/** A batch to be timed, and how its layers are divided into stages. */
export interface CalibrationBatch {
  readonly entries: readonly MadeEntry[];
  readonly stages: readonly LayerRange[];
}

const decodeSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
const contexts = [32, 128, 320];
const chunks = [8, 24, 64, 128, 256, 512];
const pasts = [0, 192];

/**
 * The batches that a profile is fitted to: decoding alone, by sequences and context; prompts alone, by tokens and by
 * how much of them is computed already; several prompts; both together. Every third runs in two stages.
 */
export function fittedBatches(rng: Rng, numLayers: number): readonly CalibrationBatch[] {
  const decodes = decodeSizes.flatMap((size) => contexts.map((context) => decoding(rng, size, context)));
  const prompts = chunks.flatMap((numTokens) => pasts.map((pastTokens) => [{ numTokens, pastTokens }]));
  const together = [2, 3, 4, 6, 8].map((size) => prefilling(rng, size));
  const mixed = [1, 2, 4, 8, 16].flatMap((size) =>
    [1, 2].map((numPrompts) => [...decoding(rng, size, 128), ...prefilling(rng, numPrompts)]),
  );
  return inStages([...decodes, ...prompts, ...together, ...mixed], numLayers);
}

/** Batches of the same kinds, drawn at random, on which the fit is tried. */
export function heldOutBatches(rng: Rng, numLayers: number): readonly CalibrationBatch[] {
  const draw = (): readonly MadeEntry[] => {
    const numDecoding = rng.integer(17);
    const numPrompts = numDecoding === 0 ? 1 + rng.integer(4) : Math.max(0, rng.integer(5) - 2);
    return [...decoding(rng, numDecoding, 32 + rng.integer(256)), ...prefilling(rng, numPrompts)];
  };
  return inStages(Array.from({ length: 24 }, draw), numLayers);
}

/** Contexts differ between half of the given one and half as much again. */
function decoding(rng: Rng, size: number, context: number): readonly MadeEntry[] {
  return Array.from({ length: size }, () => ({
    numTokens: 1,
    pastTokens: Math.max(1, Math.round(context * (0.5 + rng.uniform()))),
  }));
}

function prefilling(rng: Rng, size: number): readonly MadeEntry[] {
  return Array.from({ length: size }, () => ({ numTokens: 16 + rng.integer(160), pastTokens: 0 }));
}

function inStages(batches: readonly (readonly MadeEntry[])[], numLayers: number): CalibrationBatch[] {
  const whole = [{ first: 0, count: numLayers }];
  return batches.map((entries, index) => {
    if (index % 3 !== 2 || numLayers < 2) return { entries, stages: whole };
    const cut = 1 + (index % (numLayers - 1));
    const stages = [
      { first: 0, count: cut },
      { first: cut, count: numLayers - cut },
    ];
    return { entries, stages };
  });
}
