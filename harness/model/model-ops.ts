import type { DType } from '../backend/tensorflow-backend.ts';

/** Element types of one use of an op, by the attribute of the op that holds each. */
export type OpTypes = Readonly<Record<string, DType>>;

const float = { T: 'float32' } as const satisfies OpTypes;
const complex = { T: 'complex64' } as const satisfies OpTypes;
const reduction = { T: 'float32', Tidx: 'int32' } as const satisfies OpTypes;

/**
 * Every TensorFlow op that the model runs, with each combination of types that it runs it with. `TensorOps`
 * takes no other op, `bench doctor` looks each of them up in TensorFlow's registry of kernels, and a test
 * compares the types with those of real forward passes.
 */
export const modelOps = {
  AddV2: [float],
  ArgMax: [{ ...reduction, output_type: 'int32' }],
  BatchMatMulV2: [float],
  BatchMatMulV3: [{ Ta: 'float32', Tb: 'float32', Tout: 'float32' }],
  Bitcast: [
    { T: 'float32', type: 'complex64' },
    { T: 'complex64', type: 'float32' },
  ],
  ConcatV2: [reduction],
  DeepCopy: [float],
  EuclideanNorm: [reduction],
  Fill: [{ T: 'float32', index_type: 'int32' }],
  GatherNd: [{ Tparams: 'float32', Tindices: 'int32' }],
  GatherV2: [{ Tparams: 'float32', Tindices: 'int32', Taxis: 'int32' }],
  InplaceUpdate: [float],
  MatMul: [float],
  Max: [reduction],
  Mul: [float, complex],
  RealDiv: [float],
  Reshape: [{ T: 'float32', Tshape: 'int32' }],
  Sigmoid: [float],
  Slice: [{ T: 'float32', Index: 'int32' }],
  Softmax: [float],
  SplitV: [{ T: 'float32', Tlen: 'int32' }],
  StatelessRandomNormal: [{ dtype: 'float32', T: 'int32', Tseed: 'int32' }],
  Transpose: [{ T: 'float32', Tperm: 'int32' }],
} as const satisfies Record<string, readonly OpTypes[]>;

export type ModelOp = keyof typeof modelOps;
