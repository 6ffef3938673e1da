import type { ModelShape } from '../../../harness/domain/model-shape.ts';

/** The model that every side runs: random weights, float32, as many KV heads as query heads. */
export const modelShape: ModelShape = {
  name: 'step-benchmark',
  numLayers: 6,
  hiddenSize: 256,
  numHeads: 4,
  numKvHeads: 4,
  headDim: 64,
  ffnSize: 1024,
  vocabSize: 4096,
  bytesPerWeight: 4,
  bytesPerKvElement: 4,
  ropeTheta: 10_000,
};

/** Weights of both sides. */
export const seed = 1;

/** One kind of step; it ends with the most likely next token of every sequence. */
export interface StepCase {
  readonly name: string;
  readonly numSequences: number;
  /** Tokens that a sequence's last token attends to, itself included. */
  readonly contextTokens: number;
  /** Tokens computed per sequence: the whole context in a prefill, the last token in a decode. */
  readonly newTokens: number;
  /** Our time over llama.cpp's should not exceed this. */
  readonly goalRatio?: number;
  /** Timed steps of one turn, so that turns of all cases take about as long. */
  readonly stepsPerTurn: number;
}

export const stepCases: readonly StepCase[] = [
  { ...decode(32, 256), goalRatio: 0.7, stepsPerTurn: 12 },
  { ...decode(32, 1024), stepsPerTurn: 6 },
  { ...decode(1, 256), goalRatio: 2, stepsPerTurn: 100 },
  {
    name: 'prefill 1x512',
    numSequences: 1,
    contextTokens: 512,
    newTokens: 512,
    goalRatio: 0.3,
    stepsPerTurn: 3,
  },
];

function decode(numSequences: number, contextTokens: number) {
  return { name: `decode ${numSequences}x${contextTokens}`, numSequences, contextTokens, newTokens: 1 };
}

export function pastTokens(stepCase: StepCase): number {
  return stepCase.contextTokens - stepCase.newTokens;
}

/** Tokens that the sequences have in common before the step. */
export function sharedPast(stepCase: StepCase): Int32Array {
  return Int32Array.from({ length: pastTokens(stepCase) }, (_, position) => tokenAt(0, position));
}

/** Tokens that the step computes; they differ between sequences, and so do the tokens that follow. */
export function newTokensOf(stepCase: StepCase, sequence: number): Int32Array {
  const numPast = pastTokens(stepCase);
  return Int32Array.from({ length: stepCase.newTokens }, (_, i) => tokenAt(sequence, numPast + i));
}

/** Made-up text, the same on every side. */
function tokenAt(sequence: number, position: number): number {
  return (sequence * 101 + position * 37 + 11) % modelShape.vocabSize;
}
