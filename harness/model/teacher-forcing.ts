import type { DeviceTensor, TensorflowBackend } from '../backend/tensorflow-backend.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { ModelInstance } from './model-instance.ts';
import { type BatchEntry, firstRows } from './step-plan.ts';
import { TensorOps } from './tensor-ops.ts';
import { seededWeights } from './weights.ts';

/** A text whose last `numScored` tokens are scored, each given all tokens before it. */
export interface GivenText {
  readonly tokens: Int32Array;
  readonly numScored: number;
}

export interface TokenScore {
  readonly logit: number;
  readonly largestToken: number;
  readonly largestLogit: number;
}

/**
 * Largest number of new tokens in one forward pass: enough for efficient products, and few enough to bound
 * the score matrix.
 */
const maxTokensPerPass = 1024;
const blockSizeTokens = 16;

/** Consecutive tokens of one text within one pass. */
interface Piece {
  readonly text: GivenText;
  readonly scores: TokenScore[];
  /** Entry of the batch; its request id is the index of the text. */
  readonly entry: BatchEntry;
}

/** Scores every text, in order, with a model that is created here and disposed afterwards. */
export function scoreTexts(
  texts: readonly GivenText[],
  options: { backend: TensorflowBackend; shape: ModelShape; seed: number; onPass?: () => void },
): TokenScore[][] {
  const scores: TokenScore[][] = texts.map(() => []);
  const passes = planPasses(texts, scores);
  if (passes.length === 0) return scores;
  const ops = new TensorOps(options.backend);
  const { shape, seed } = options;
  const layers = { first: 0, count: shape.numLayers };
  const numCells = Math.max(...passes.map(blocksOf)) * layers.count;
  // The weights are generated and not read from the run's weight store, so that a fault in the store shows.
  const weights = seededWeights(ops, shape, seed);
  const model = new ModelInstance(ops, { shape, weights, blockSizeTokens, layers, numCells });
  for (const pass of passes) {
    options.onPass?.();
    runPass(ops, model, pass);
  }
  model.dispose();
  ops.dispose();
  return scores;
}

/**
 * Packs the texts one after the other into passes of `maxTokensPerPass` tokens. The last token of a text is
 * never an input.
 */
function planPasses(texts: readonly GivenText[], scores: TokenScore[][]): Piece[][] {
  const passes: Piece[][] = [];
  let room = 0;
  for (const [requestId, text] of texts.entries()) {
    let pastTokens = 0;
    while (pastTokens < numInputs(text)) {
      if (room === 0) {
        passes.push([]);
        room = maxTokensPerPass;
      }
      const numTokens = Math.min(room, numInputs(text) - pastTokens);
      passes
        .at(-1)
        ?.push({ text, scores: scores[requestId] ?? [], entry: { requestId, numTokens, pastTokens } });
      pastTokens += numTokens;
      room -= numTokens;
    }
  }
  return passes;
}

function numInputs(text: GivenText): number {
  return text.numScored === 0 ? 0 : text.tokens.length - 1;
}

function blocksOf(pass: readonly Piece[]): number {
  return pass.reduce(
    (sum, { entry }) => sum + Math.ceil((entry.pastTokens + entry.numTokens) / blockSizeTokens),
    0,
  );
}

function runPass(ops: TensorOps, model: ModelInstance, pass: readonly Piece[]): void {
  const layers = { first: 0, count: model.shape.numLayers };
  const batch = pass.map(({ entry }) => entry);
  model.reserveKv(batch, layers);
  const inputs = pass.map(({ text, entry }) => text.tokens.subarray(entry.pastTokens, endOf(entry)));
  const hidden = model.runLayers({ batch, layers, input: { tokens: concatTokens(inputs) } });
  scorePass(ops, { model, hidden }, pass);
  ops.free(hidden);
  for (const { text, entry } of pass) {
    if (endOf(entry) === numInputs(text)) model.kv.releaseAll(entry.requestId);
  }
}

/** Scores the tokens that follow the inputs of a pass, as far as they are to be scored. */
function scorePass(
  ops: TensorOps,
  run: { model: ModelInstance; hidden: DeviceTensor },
  pass: readonly Piece[],
): void {
  const rows: number[] = [];
  const nextTokens: number[] = [];
  const targets: TokenScore[][] = [];
  const firsts = firstRows(pass.map(({ entry }) => entry));
  for (const [index, { text, entry, scores }] of pass.entries()) {
    const firstScored = Math.max(entry.pastTokens, text.tokens.length - text.numScored - 1);
    for (let position = firstScored; position < endOf(entry); position += 1) {
      rows.push((firsts[index] as number) + position - entry.pastTokens);
      nextTokens.push(text.tokens[position + 1] as number);
      targets.push(scores);
    }
  }
  if (rows.length === 0) return;
  const logits = run.model.logits(run.hidden, Int32Array.from(rows));
  const scored = scoreRows(ops, logits, nextTokens);
  ops.free(logits);
  for (const [index, score] of scored.entries()) targets[index]?.push(score);
}

function scoreRows(ops: TensorOps, logits: DeviceTensor, nextTokens: readonly number[]): TokenScore[] {
  const elements = ops.tensor(Int32Array.from(nextTokens.flatMap((token, row) => [row, token])), [
    nextTokens.length,
    2,
  ]);
  const given = ops.freeing(ops.gatherElements(logits, elements), elements);
  const largest = ops.rowMax(logits);
  const largestIndex = ops.rowArgMax(logits);
  const [givenLogits, largestLogits, largestTokens] = [
    ops.read(given),
    ops.read(largest),
    ops.read(largestIndex),
  ];
  ops.free(given, largest, largestIndex);
  return nextTokens.map((_, row) => ({
    logit: givenLogits[row] as number,
    largestToken: largestTokens[row] as number,
    largestLogit: largestLogits[row] as number,
  }));
}

function endOf(entry: BatchEntry): number {
  return entry.pastTokens + entry.numTokens;
}

function concatTokens(parts: readonly Int32Array[]): Int32Array {
  const tokens = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    tokens.set(part, offset);
    offset += part.length;
  }
  return tokens;
}
