import { z } from 'zod';
import type { ModelShape } from '../domain/model-shape.ts';

/** A dimension; the bound keeps products of them exact. */
const count = z.int().positive().max(10_000_000);
const elementBytes = z.union([z.literal(1), z.literal(2), z.literal(4)], {
  error: 'expected 1, 2 or 4 bytes',
});

/** A model as written in `configs/models/*.yaml` or a configuration. */
export const modelSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    numLayers: z.int().positive().max(10_000),
    hiddenSize: count,
    numHeads: count,
    numKvHeads: count,
    headDim: count,
    ffnSize: count,
    vocabSize: count,
    bytesPerWeight: elementBytes,
    /** Bytes per element of KV; by default those of a weight. */
    bytesPerKvElement: elementBytes.optional(),
    ropeTheta: z.number().positive().max(1e12).default(10_000),
  })
  .refine((model) => model.numHeads % model.numKvHeads === 0, {
    path: ['numKvHeads'],
    error: 'must divide numHeads: the same number of query heads shares each K and V head',
  })
  .refine((model) => model.headDim % 2 === 0, {
    path: ['headDim'],
    error: 'must be even: rotary position embedding turns pairs of numbers',
  });

export function toModelShape(model: z.output<typeof modelSchema>, name: string): ModelShape {
  return {
    ...model,
    name: model.name ?? name,
    bytesPerKvElement: model.bytesPerKvElement ?? model.bytesPerWeight,
  };
}
