import { attr, type DeviceTensor, type OpAttr, type TensorValues } from '../backend/tensorflow-backend.ts';
import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import type { ModelOp } from './model-ops.ts';

/**
 * TensorFlow infers an op's types from its inputs and knows its defaults; only the other attributes are
 * given. They are created once, because creating them per call would take a notable part of an op's few
 * microseconds.
 */
const attrs = {
  none: [],
  transposeSecond: [attr.bool('adj_y', true)],
  product: [attr.type('Tout', 'float32')],
  productTransposed: [attr.bool('adj_y', true), attr.type('Tout', 'float32')],
  splitInTwo: [attr.int('num_split', 2)],
  toComplex: [attr.type('type', 'complex64')],
  toFloat: [attr.type('type', 'float32')],
  keepDims: [attr.bool('keep_dims', true)],
  toInt32: [attr.type('output_type', 'int32')],
} as const satisfies Record<string, readonly OpAttr[]>;

/**
 * The TensorFlow ops of the decoder, named by what they do. Tensors are not garbage-collected: whoever
 * requests a result must dispose it, usually with `freeing`. Shapes are row-major, the last dimension
 * innermost.
 */
export class TensorOps {
  readonly backend: TensorflowBackend;
  readonly #axis0: DeviceTensor;
  readonly #axis1: DeviceTensor;

  constructor(backend: TensorflowBackend) {
    this.backend = backend;
    this.#axis0 = backend.createScalar(0, 'int32');
    this.#axis1 = backend.createScalar(1, 'int32');
  }

  dispose(): void {
    this.free(this.#axis0, this.#axis1);
  }

  /** Creates a tensor. On a CPU it may share the array's memory, so the array must not change afterwards. */
  tensor(values: TensorValues, shape: readonly number[]): DeviceTensor {
    return this.backend.createTensor(values, shape);
  }

  read(tensor: DeviceTensor): TensorValues {
    return this.backend.read(tensor);
  }

  /** Waits until the device has computed the tensor, by reading its first row. */
  waitFor(tensor: DeviceTensor): void {
    const first = this.sliceRows(tensor, 0, 1);
    this.read(first);
    this.free(first);
  }

  free(...tensors: readonly DeviceTensor[]): void {
    this.backend.dispose(...tensors);
  }

  /** Returns the result after disposing the tensors that it was computed from. */
  freeing(result: DeviceTensor, ...used: readonly DeviceTensor[]): DeviceTensor {
    this.backend.dispose(...used);
    return result;
  }

  /** `[m, k] x [k, n] -> [m, n]`. */
  matMul(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    return this.#run('MatMul', attrs.none, x, y);
  }

  /** `[..., m, k] x [..., k, n] -> [..., m, n]`. */
  batchMatMul(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    if (this.#isVectorProduct(x)) return this.#run('BatchMatMulV3', attrs.product, x, y);
    return this.#run('BatchMatMulV2', attrs.none, x, y);
  }

  /** `[..., m, k] x [..., n, k] -> [..., m, n]`, with the second factor transposed. */
  batchMatMulTransposed(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    if (this.#isVectorProduct(x)) return this.#run('BatchMatMulV3', attrs.productTransposed, x, y);
    return this.#run('BatchMatMulV2', attrs.transposeSecond, x, y);
  }

  /**
   * On a CPU, TensorFlow passes V2 to oneDNN, which takes up to five times as long as Eigen for a vector
   * times a matrix; V3 uses Eigen. For more rows oneDNN is faster.
   */
  #isVectorProduct(x: DeviceTensor): boolean {
    return x.shape.at(-2) === 1 && this.backend.device.kind === 'cpu';
  }

  add(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    return this.#run('AddV2', attrs.none, x, y);
  }

  /** Element-wise product of real or complex numbers. */
  multiply(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    return this.#run('Mul', attrs.none, x, y);
  }

  divide(x: DeviceTensor, y: DeviceTensor): DeviceTensor {
    return this.#run('RealDiv', attrs.none, x, y);
  }

  sigmoid(x: DeviceTensor): DeviceTensor {
    return this.#run('Sigmoid', attrs.none, x);
  }

  /** Softmax over the last dimension. */
  softmax(x: DeviceTensor): DeviceTensor {
    return this.#run('Softmax', attrs.none, x);
  }

  /** Euclidean norm of every row of a matrix, `[m, n] -> [m, 1]`. */
  rowNorm(x: DeviceTensor): DeviceTensor {
    return this.#run('EuclideanNorm', attrs.keepDims, x, this.#axis1);
  }

  /** Largest value of every row, `[m, n] -> [m]`. */
  rowMax(x: DeviceTensor): DeviceTensor {
    return this.#run('Max', attrs.none, x, this.#axis1);
  }

  /** Position of the largest value of every row, `[m, n] -> [m]`, int32. */
  rowArgMax(x: DeviceTensor): DeviceTensor {
    return this.#run('ArgMax', attrs.toInt32, x, this.#axis1);
  }

  /**
   * Gathers rows (slices along the first dimension) by index. In the result's shape, that of `indices`
   * replaces the first dimension.
   */
  gather(params: DeviceTensor, indices: DeviceTensor): DeviceTensor {
    return this.#run('GatherV2', attrs.none, params, indices, this.#axis0);
  }

  /** Gathers single elements of a matrix by `[row, column]`. */
  gatherElements(params: DeviceTensor, indices: DeviceTensor): DeviceTensor {
    return this.#run('GatherNd', attrs.none, params, indices);
  }

  /**
   * Overwrites rows of `target` in place. TensorFlow returns the result as another tensor on the same memory,
   * which is disposed here; `target` and its reshapes see the new values, and no other row changes.
   */
  writeRows(target: DeviceTensor, rows: DeviceTensor, values: DeviceTensor): void {
    this.free(this.#run('InplaceUpdate', attrs.none, target, rows, values));
  }

  /** Returns a tensor of another shape on the same memory. */
  reshape(x: DeviceTensor, shape: readonly number[]): DeviceTensor {
    return this.#withShape('Reshape', attrs.none, x, shape);
  }

  /** Returns the rows `[first, first + count)`. They share memory with `x` where the alignment allows. */
  sliceRows(x: DeviceTensor, first: number, count: number): DeviceTensor {
    const rank = x.shape.length;
    const begin = this.tensor(
      Int32Array.from({ length: rank }, (_, axis) => (axis === 0 ? first : 0)),
      [rank],
    );
    const size = this.tensor(
      Int32Array.from({ length: rank }, (_, axis) => (axis === 0 ? count : -1)),
      [rank],
    );
    return this.freeing(this.#run('Slice', attrs.none, x, begin, size), begin, size);
  }

  /** Splits dimension 1 into two parts of the given sizes. */
  splitColumns(x: DeviceTensor, sizes: readonly [number, number]): readonly [DeviceTensor, DeviceTensor] {
    const lengths = this.tensor(Int32Array.from(sizes), [2]);
    const splitV: ModelOp = 'SplitV';
    const parts = this.backend.executeMultipleOutputs(splitV, attrs.splitInTwo, [x, lengths, this.#axis1], 2);
    this.free(lengths);
    return parts as [DeviceTensor, DeviceTensor];
  }

  concatRows(parts: readonly DeviceTensor[]): DeviceTensor {
    return this.#run('ConcatV2', concatAttrs(parts.length), ...parts, this.#axis0);
  }

  concatColumns(parts: readonly DeviceTensor[]): DeviceTensor {
    return this.#run('ConcatV2', concatAttrs(parts.length), ...parts, this.#axis1);
  }

  transpose(x: DeviceTensor, order: readonly number[]): DeviceTensor {
    return this.#withShape('Transpose', attrs.none, x, order);
  }

  /**
   * Reinterprets pairs in the last dimension as complex numbers, `[..., n, 2] -> [..., n]`, without copying.
   */
  asComplex(x: DeviceTensor): DeviceTensor {
    return this.#run('Bitcast', attrs.toComplex, x);
  }

  /** Reverse of `asComplex`. */
  asFloat(x: DeviceTensor): DeviceTensor {
    return this.#run('Bitcast', attrs.toFloat, x);
  }

  /** Copies the values into new memory. */
  copy(x: DeviceTensor): DeviceTensor {
    return this.#run('DeepCopy', attrs.none, x);
  }

  constant(value: number, shape: readonly number[]): DeviceTensor {
    const dims = this.tensor(Int32Array.from(shape), [shape.length]);
    const scalar = this.backend.createScalar(value, 'float32');
    return this.freeing(this.#run('Fill', attrs.none, dims, scalar), dims, scalar);
  }

  /**
   * Returns normally distributed numbers with mean 0 and standard deviation `deviation`. They depend only on
   * the two words of the seed and the shape (Philox inside TensorFlow).
   */
  randomNormal(shape: readonly number[], seed: readonly [number, number], deviation: number): DeviceTensor {
    const dims = this.tensor(Int32Array.from(shape), [shape.length]);
    const words = this.tensor(Int32Array.from(seed), [2]);
    const scale = this.backend.createScalar(deviation, 'float32');
    const normal = this.#run('StatelessRandomNormal', attrs.none, dims, words);
    return this.freeing(this.multiply(normal, scale), dims, words, scale, normal);
  }

  #withShape(
    op: ModelOp,
    attributes: readonly OpAttr[],
    x: DeviceTensor,
    dims: readonly number[],
  ): DeviceTensor {
    const shape = this.tensor(Int32Array.from(dims), [dims.length]);
    return this.freeing(this.#run(op, attributes, x, shape), shape);
  }

  #run(op: ModelOp, attributes: readonly OpAttr[], ...inputs: readonly DeviceTensor[]): DeviceTensor {
    return this.backend.executeSingleOutput(op, attributes, inputs);
  }
}

function concatAttrs(numParts: number): readonly OpAttr[] {
  return [attr.int('N', numParts), attr.type('T', 'float32')];
}

/** Returns the bytes of a float32 tensor, computed from its shape. */
export function tensorBytes(tensor: DeviceTensor): number {
  return 4 * tensor.shape.reduce((product, size) => product * size, 1);
}
