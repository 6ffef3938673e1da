import { must } from '../base/assert.ts';

/**
 * Element types that the binding passes between JavaScript and TensorFlow; `resource` is the handle of a
 * variable.
 */
export type DType = 'float32' | 'int32' | 'bool' | 'complex64' | 'resource';

export type TensorValues = Float32Array | Int32Array | Uint8Array;

/** A tensor held by TensorFlow. It is not garbage-collected: whoever creates it must dispose it. */
export interface DeviceTensor {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** An attribute of an op in the form that the binding expects; created by `attr`. */
export interface OpAttr {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[];
}

export interface BackendDevice {
  readonly kind: 'cpu' | 'cuda';
  /** Model of the GPU or CPU, as the machine names it. */
  readonly name: string;
}

/** The part of tfjs-node-gpu's binding that is used here. */
export interface TensorflowBinding {
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TensorValues;
  executeOp(
    op: string,
    attrs: readonly OpAttr[],
    inputIds: readonly number[],
    numOutputs: number,
  ): readonly { readonly id: number; readonly shape: readonly number[]; readonly dtype: number }[];
}

/** TensorFlow's own type numbers (`tensorflow/c/tf_datatype.h`), part of its stable C interface. */
export const dtypeCodes = {
  float32: 1,
  int32: 3,
  complex64: 8,
  bool: 10,
  resource: 20,
} as const satisfies Record<DType, number>;

const dtypeByCode: Readonly<Record<number, DType>> = {
  1: 'float32',
  3: 'int32',
  8: 'complex64',
  10: 'bool',
  20: 'resource',
};

/** `TF_AttrType` of `tensorflow/c/tf_attrtype.h`. */
const attrTypeCodes = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** Creates attributes of ops. They never change, so create them once, outside the step. */
export const attr = {
  string: (name: string, value: string): OpAttr => ({ name, type: attrTypeCodes.string, value }),
  int: (name: string, value: number | readonly number[]): OpAttr => ({
    name,
    type: attrTypeCodes.int,
    value,
  }),
  float: (name: string, value: number): OpAttr => ({ name, type: attrTypeCodes.float, value }),
  bool: (name: string, value: boolean): OpAttr => ({ name, type: attrTypeCodes.bool, value }),
  type: (name: string, dtype: DType): OpAttr => ({
    name,
    type: attrTypeCodes.type,
    value: dtypeCodes[dtype],
  }),
  shape: (name: string, value: readonly number[]): OpAttr => ({
    name,
    type: attrTypeCodes.shape,
    value: [...value],
  }),
} as const;

/**
 * TensorFlow's eager ops with explicit ownership: a thin layer over the binding of tfjs-node-gpu, below the
 * tensor bookkeeping of tfjs, which costs more than a small op and hides when memory is freed. Every call is
 * synchronous; on a GPU the kernel may still run when it returns, and `read` waits for it.
 */
export class TensorflowBackend {
  readonly backendName = 'tensorflow';
  readonly tensorflowVersion: string;
  readonly device: BackendDevice;
  /** Number of threads that one op may use. */
  readonly numThreads: number;
  readonly #binding: TensorflowBinding;

  constructor(binding: TensorflowBinding, device: BackendDevice, numThreads: number) {
    this.#binding = binding;
    this.tensorflowVersion = binding.TF_Version;
    this.device = device;
    this.numThreads = numThreads;
  }

  /** Copies the values to the device. They are in row-major order, as many as the shape holds. */
  createTensor(values: TensorValues, shape: readonly number[], dtype?: DType): DeviceTensor {
    const actual = dtype ?? dtypeOf(values);
    const id = this.#binding.createTensor([...shape], dtypeCodes[actual], values);
    return { id, shape, dtype: actual };
  }

  /** Creates an int32 or float32 scalar, the form in which ops take axes, limits and factors. */
  createScalar(value: number, dtype: 'int32' | 'float32'): DeviceTensor {
    return this.createTensor(dtype === 'int32' ? Int32Array.of(value) : Float32Array.of(value), [], dtype);
  }

  /** Runs an op with one output and returns it. Throws TensorFlow's message if the op refuses its input. */
  executeSingleOutput(op: string, attrs: readonly OpAttr[], inputs: readonly DeviceTensor[]): DeviceTensor {
    return must(this.executeMultipleOutputs(op, attrs, inputs, 1)[0], `output of ${op}`);
  }

  /** Runs an op and returns its `numOutputs` outputs; 0 for ops that only change a variable. */
  executeMultipleOutputs(
    op: string,
    attrs: readonly OpAttr[],
    inputs: readonly DeviceTensor[],
    numOutputs: number,
  ): DeviceTensor[] {
    const inputIds: number[] = [];
    for (const input of inputs) inputIds.push(input.id);
    const outputs = this.#binding.executeOp(op, attrs, inputIds, numOutputs);
    const tensors: DeviceTensor[] = [];
    for (const { id, shape, dtype } of outputs) {
      tensors.push({
        id,
        shape,
        dtype: must(dtypeByCode[dtype], `a known type for code ${dtype} of ${op}`),
      });
    }
    return tensors;
  }

  /** Returns a copy of the values, after waiting for every op on which they depend. */
  read(tensor: DeviceTensor): TensorValues {
    return this.#binding.tensorDataSync(tensor.id);
  }

  dispose(...tensors: readonly DeviceTensor[]): void {
    for (const tensor of tensors) this.#binding.deleteTensor(tensor.id);
  }

  /** Returns the number of live tensors in TensorFlow; resource variables count by their handles only. */
  numTensors(): number {
    return this.#binding.getNumOfTensors();
  }
}

function dtypeOf(values: TensorValues): DType {
  if (values instanceof Float32Array) return 'float32';
  return values instanceof Int32Array ? 'int32' : 'bool';
}
