import type { Hardware } from '../domain/hardware.ts';
import {
  kvCellBytes,
  layerWeightBytes,
  type ModelShape,
  residentWeightBytes,
} from '../domain/model-shape.ts';

/** A model so small that, together with `tinyHardware`, a handful of requests fills the memory. */
export const tinyModel: ModelShape = {
  name: 'test',
  numLayers: 4,
  hiddenSize: 32,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  ffnSize: 64,
  vocabSize: 64,
  bytesPerWeight: 4,
  bytesPerKvElement: 4,
  ropeTheta: 10000,
};

export const blockSizeTokens = 16;

/** Returns a device with memory for the whole model and exactly `blocks` KV blocks. */
export function tinyHardware(blocks: number, hostBlocks = 1000): Hardware {
  const weights = residentWeightBytes(tinyModel) + tinyModel.numLayers * layerWeightBytes(tinyModel);
  const blockBytes = tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens);
  return {
    name: 'test',
    memoryBytes: weights + 1000 + blocks * blockBytes,
    reserveBytes: 1000,
    compute: {
      flopsPerSecond: 1e9,
      memoryBytesPerSecond: 1e9,
      attention: { flopsPerSecond: 1e9, memoryBytesPerSecond: 1e9, mixedDecodeRows: 1 },
      layerOverheadUs: 50,
      stepOverheadUs: 100,
      engineCpu: { stepUs: 0, sequenceUs: 0, overlapsDevice: false },
    },
    hostLink: { bytesPerSecond: 50e6, latencyUs: 10 },
    hostMemoryBytes: hostBlocks * blockBytes,
    network: { bytesPerSecond: 100e6, latencyUs: 10 },
    diskBytesPerSecond: 1e8,
    weightsInHostMemory: false,
    start: {
      provisioning: { meanUs: 2000, cv: 0 },
      weightsFrom: 'disk',
      warmUpUs: 500,
      failureRatio: 0,
      backoffUs: 1000,
      maxBackoffUs: 8000,
    },
    remapUs: 100,
    migrationHandshakeUs: 0,
  };
}
