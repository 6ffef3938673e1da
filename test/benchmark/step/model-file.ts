import type { DeviceTensor } from '../../../harness/backend/tensorflow-backend.ts';
import type { ModelShape } from '../../../harness/domain/model-shape.ts';
import type { TensorOps } from '../../../harness/model/tensor-ops.ts';
import { freeWeights, loadLayerWeights, loadResidentWeights } from '../../../harness/model/weights.ts';
import { type GgufTensor, type GgufValue, writeGguf } from './gguf.ts';

/**
 * Our norm adds nothing to the mean square, llama.cpp needs a number: one far below the rounding of a float32 mean
 * square around 1.
 */
const normEpsilon = 1e-12;

/**
 * Writes our seeded random weights as a GGUF file under llama.cpp's names, so that both sides run the same model and
 * must choose the same tokens. The file has no tokenizer ("no_vocab"): llama.cpp makes up `vocab_size` tokens.
 */
export function writeModelFile(
  path: string,
  ops: TensorOps,
  model: { readonly shape: ModelShape; readonly seed: number; readonly maxContextTokens: number },
): void {
  const { shape, seed, maxContextTokens } = model;
  const metadata: Record<string, GgufValue> = {
    'general.architecture': 'llama',
    'general.name': shape.name,
    'llama.context_length': maxContextTokens,
    'llama.embedding_length': shape.hiddenSize,
    'llama.block_count': shape.numLayers,
    'llama.feed_forward_length': shape.ffnSize,
    'llama.attention.head_count': shape.numHeads,
    'llama.attention.head_count_kv': shape.numKvHeads,
    'llama.attention.layer_norm_rms_epsilon': { float32: normEpsilon },
    'llama.rope.dimension_count': shape.headDim,
    'llama.rope.freq_base': { float32: shape.ropeTheta },
    'llama.vocab_size': shape.vocabSize,
    'tokenizer.ggml.model': 'no_vocab',
  };
  const tensors = residentTensors(ops, shape, seed);
  for (let layer = 0; layer < shape.numLayers; layer += 1) {
    tensors.push(...layerTensors(ops, shape, seed, layer));
  }
  writeGguf(path, metadata, tensors);
}

function residentTensors(ops: TensorOps, shape: ModelShape, seed: number): GgufTensor[] {
  const weights = loadResidentWeights(ops, shape, seed);
  const { hiddenSize, vocabSize } = shape;
  const tensors = [
    { name: 'token_embd.weight', shape: [hiddenSize, vocabSize], values: read(ops, weights.embedding) },
    gain(ops, 'output_norm', weights.finalNorm),
    projection('output', columns(ops, weights.head, 0, vocabSize)),
  ];
  freeWeights(ops, weights);
  return tensors;
}

function layerTensors(ops: TensorOps, shape: ModelShape, seed: number, layer: number): GgufTensor[] {
  const weights = loadLayerWeights(ops, shape, seed, layer);
  const { hiddenSize, ffnSize, numHeads, numKvHeads, headDim } = shape;
  const queryColumns = numHeads * headDim;
  const keyColumns = numKvHeads * headDim;
  const block = `blk.${layer}`;
  const query = columns(ops, weights.queryKeyValue, 0, queryColumns);
  // llama.cpp divides the scores by sqrt(headDim) itself; here that is folded into Q.
  query.values.forEach((value, i) => (query.values[i] = value * Math.sqrt(headDim)));
  const tensors = [
    gain(ops, `${block}.attn_norm`, weights.attentionNorm),
    projection(`${block}.attn_q`, query),
    projection(`${block}.attn_k`, columns(ops, weights.queryKeyValue, queryColumns, keyColumns)),
    projection(`${block}.attn_v`, columns(ops, weights.queryKeyValue, queryColumns + keyColumns, keyColumns)),
    projection(`${block}.attn_output`, columns(ops, weights.output, 0, hiddenSize)),
    gain(ops, `${block}.ffn_norm`, weights.ffnNorm),
    projection(`${block}.ffn_gate`, columns(ops, weights.gate, 0, ffnSize)),
    projection(`${block}.ffn_up`, columns(ops, weights.up, 0, ffnSize)),
    projection(`${block}.ffn_down`, columns(ops, weights.down, 0, hiddenSize)),
  ];
  freeWeights(ops, weights);
  return tensors;
}

/** A matrix as llama.cpp keeps it: the inputs of one output next to each other. */
interface ByOutput {
  readonly numInputs: number;
  readonly numOutputs: number;
  readonly values: Float32Array;
}

/** Some columns of `[inputs, outputs]`, transposed. */
function columns(ops: TensorOps, tensor: DeviceTensor, first: number, numOutputs: number): ByOutput {
  const [numInputs = 0, width = 0] = tensor.shape;
  const source = read(ops, tensor);
  const values = new Float32Array(numInputs * numOutputs);
  for (let output = 0; output < numOutputs; output += 1) {
    for (let input = 0; input < numInputs; input += 1) {
      values[output * numInputs + input] = source[input * width + first + output] as number;
    }
  }
  return { numInputs, numOutputs, values };
}

function projection(name: string, matrix: ByOutput): GgufTensor {
  return { name: `${name}.weight`, shape: [matrix.numInputs, matrix.numOutputs], values: matrix.values };
}

/** A norm's gain without the `sqrt(hiddenSize)` that ours carries. */
function gain(ops: TensorOps, name: string, tensor: DeviceTensor): GgufTensor {
  const values = read(ops, tensor);
  return {
    name: `${name}.weight`,
    shape: [values.length],
    values: values.map((value) => value / Math.sqrt(values.length)),
  };
}

function read(ops: TensorOps, tensor: DeviceTensor): Float32Array {
  return Float32Array.from(ops.read(tensor));
}
