import { asRequestId } from '../../harness/domain/ids.ts';
import { TensorOps } from '../../harness/model/tensor-ops.ts';
import { ensureBackend } from '../../harness/backend/provision.ts';
import { loadBackend } from '../../harness/backend/load.ts';
import type { ModelShape } from '../../harness/domain/model-shape.ts';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import type { KvPlacement, MicroBatch } from '../../harness/core/executor.ts';
import type { BatchEntry } from '../../harness/model/step-plan.ts';

// On a fresh machine this provisions TensorFlow; several test files wait for the one that does.
await ensureBackend({ device: 'auto', onProgress: () => {} });
export const backend = await loadBackend({ numThreads: 1 });
export const ops = new TensorOps(backend);

/** Two query heads share a KV head. */
export const tinyShape: ModelShape = {
  name: 'tiny',
  numLayers: 4,
  hiddenSize: 48,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  ffnSize: 80,
  vocabSize: 200,
  bytesPerWeight: 4,
  bytesPerKvElement: 4,
  ropeTheta: 10_000,
};

export function allLayers(shape: ModelShape) {
  return { first: 0, count: shape.numLayers };
}

export function requestSpec(id: number, promptTokens: number, outputTokens: number): RequestSpec {
  return {
    id: asRequestId(id),
    className: 'test',
    promptTokens,
    outputTokens,
    outputLimitTokens: outputTokens,
    arrival: { kind: 'at', timeUs: 0 },
  };
}

type Entry = Omit<BatchEntry, 'placedKv'> & {
  readonly samples: boolean;
  readonly placement?: KvPlacement | undefined;
};

export function microBatch(id: number, entries: readonly Entry[]): MicroBatch {
  const sum = (of: (entry: Entry) => number) => entries.reduce((total, entry) => total + of(entry), 0);
  return {
    id,
    size: entries.length,
    requestIds: entries.map((entry) => asRequestId(entry.requestId)),
    numTokens: entries.map((entry) => entry.numTokens),
    pastTokens: entries.map((entry) => entry.pastTokens),
    samples: entries.map((entry) => (entry.samples ? 1 : 0)),
    totalTokens: sum((entry) => entry.numTokens),
    attentionPairs: sum(({ numTokens: n, pastTokens: p }) => n * p + (n * (n + 1)) / 2),
    contextTokens: sum((entry) => entry.pastTokens + entry.numTokens),
    decodeContextTokens: sum(({ numTokens: n, pastTokens: p }) => (n === 1 && p > 0 ? p + 1 : 0)),
    numRemote: entries.filter(({ placement }) => placement !== undefined).length,
    placements: entries.map(({ placement }) => placement),
    remote: [],
  };
}
