import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { tensorBytes, type TensorOps } from './tensor-ops.ts';
import {
  type LayerWeights,
  mapNamed,
  type ResidentWeights,
  seededWeights,
  type WeightLoader,
} from './weights.ts';

/** Location of one tensor in the file. */
interface StoredTensor {
  readonly shape: readonly number[];
  readonly position: number;
  readonly bytes: number;
}

type HostCopy = Readonly<Record<keyof LayerWeights, Float32Array>>;

type Stored<Weights> = Readonly<Record<keyof Weights, StoredTensor>>;

/**
 * The model's weights outside the devices: on disk, as raw little-endian float32, tensor after tensor, and in
 * host memory, where each layer is copied on first use. The file is written from generated weights, and
 * starting instances read it. It is unlinked as soon as it is open, so that nothing remains however the
 * process ends.
 */
export class WeightStore implements WeightLoader {
  /** Descriptor of the unlinked file. */
  readonly descriptor: number;
  readonly #ops: TensorOps;
  readonly #resident: Stored<ResidentWeights>;
  readonly #layers: readonly Stored<LayerWeights>[];
  readonly #host = new Map<number, HostCopy>();
  #end = 0;

  constructor(ops: TensorOps, shape: ModelShape, seed: number) {
    this.#ops = ops;
    this.descriptor = openUnnamed();
    const generated = seededWeights(ops, shape, seed);
    this.#resident = this.#store(generated.loadResident());
    this.#layers = Array.from({ length: shape.numLayers }, (_, layer) =>
      this.#store(generated.loadLayer(layer)),
    );
  }

  /** Reads the resident weights from disk. */
  loadResident(): ResidentWeights {
    return mapNamed(this.#resident, (stored) => this.#tensor(this.#read(stored), stored));
  }

  /** Reads the weights of one layer from disk. */
  loadLayer(layer: number): LayerWeights {
    return mapNamed(this.#stored(layer), (stored) => this.#tensor(this.#read(stored), stored));
  }

  loadLayerFromHost(layer: number): LayerWeights {
    const copy = this.#hostCopy(layer);
    // A tensor may share the memory of its array, so each gets a copy.
    return mapNamed(this.#stored(layer), (stored, name) => this.#tensor(copy[name].slice(), stored));
  }

  dispose(): void {
    closeSync(this.descriptor);
    this.#host.clear();
  }

  #hostCopy(layer: number): HostCopy {
    let copy = this.#host.get(layer);
    if (copy === undefined) {
      copy = mapNamed(this.#stored(layer), (stored) => this.#read(stored));
      this.#host.set(layer, copy);
    }
    return copy;
  }

  #stored(layer: number): Stored<LayerWeights> {
    return must(this.#layers[layer], `layer ${layer} of the model`);
  }

  /** Appends the tensors to the file and frees them. */
  #store<Name extends string>(weights: Readonly<Record<Name, DeviceTensor>>): Record<Name, StoredTensor> {
    return mapNamed<Name, DeviceTensor, StoredTensor>(weights, (tensor) => {
      const bytes = tensorBytes(tensor);
      writeFileSync(this.descriptor, this.#ops.read(tensor));
      this.#ops.free(tensor);
      this.#end += bytes;
      return { shape: tensor.shape, position: this.#end - bytes, bytes };
    });
  }

  #read({ position, bytes }: StoredTensor): Float32Array {
    const values = new Float32Array(bytes / Float32Array.BYTES_PER_ELEMENT);
    const numRead = readSync(this.descriptor, values, 0, bytes, position);
    assert(
      numRead === bytes,
      'INV-weight-file',
      () => `${numRead} of ${bytes} B could be read at ${position}`,
    );
    return values;
  }

  #tensor(values: Float32Array, { shape }: StoredTensor): DeviceTensor {
    return this.#ops.tensor(values, shape);
  }
}

function openUnnamed(): number {
  const folder = mkdtempSync(join(tmpdir(), 'servebench-weights-'));
  const descriptor = openSync(join(folder, 'weights.f32'), 'wx+');
  rmSync(folder, { recursive: true });
  return descriptor;
}
