import { loadBackend } from '../../../harness/backend/load.ts';
import { ensureBackend } from '../../../harness/backend/provision.ts';
import { wallClockUs } from '../../../harness/base/clock.ts';
import { ModelInstance } from '../../../harness/model/model-instance.ts';
import { type BatchEntry, firstRows } from '../../../harness/model/step-plan.ts';
import { TensorOps } from '../../../harness/model/tensor-ops.ts';
import { seededWeights } from '../../../harness/model/weights.ts';
import { modelShape, newTokensOf, pastTokens, seed, sharedPast, type StepCase, stepCases } from './cases.ts';
import { type Contender, type PreparedStep, type StepResult, warmUp } from './contender.ts';
import { writeModelFile } from './model-file.ts';

const blockSizeTokens = 16;
const layers = { first: 0, count: modelShape.numLayers };

/** Our model on TensorFlow, one thread. */
export class ServebenchContender implements Contender {
  readonly description: string;
  readonly #ops: TensorOps;

  private constructor(ops: TensorOps) {
    const { tensorflowVersion, device } = ops.backend;
    this.description = `TensorFlow ${tensorflowVersion}, ${device.kind} ${device.name}, 1 thread, float32 KV`;
    this.#ops = ops;
  }

  /** Loads the backend and leaves the weights as a GGUF file for the other sides. */
  static async load(modelPath: string): Promise<ServebenchContender> {
    await ensureBackend({ device: 'auto', onProgress: () => {} });
    const ops = new TensorOps(await loadBackend({ numThreads: 1 }));
    const maxContextTokens = Math.max(...stepCases.map((stepCase) => stepCase.contextTokens));
    writeModelFile(modelPath, ops, { shape: modelShape, seed, maxContextTokens });
    return new ServebenchContender(ops);
  }

  async prepare(stepCase: StepCase): Promise<PreparedStep> {
    const { numSequences, contextTokens } = stepCase;
    const cellsPerSequence = Math.ceil(contextTokens / blockSizeTokens) * modelShape.numLayers;
    const model = new ModelInstance(this.#ops, {
      shape: modelShape,
      weights: seededWeights(this.#ops, modelShape, seed),
      blockSizeTokens,
      layers,
      numCells: numSequences * cellsPerSequence,
    });
    for (let sequence = 0; sequence < numSequences; sequence += 1) {
      model.kv.reserve(sequence, layers, contextTokens);
      this.#fillPast(model, stepCase, sequence);
    }
    const step: PreparedStep = {
      settings: '',
      run: () => Promise.resolve(runStep(this.#ops, model, stepCase)),
      dispose: () => Promise.resolve(model.dispose()),
    };
    await warmUp(step);
    return step;
  }

  #fillPast(model: ModelInstance, stepCase: StepCase, sequence: number): void {
    const numTokens = pastTokens(stepCase);
    if (numTokens === 0) return;
    const batch = [{ requestId: sequence, numTokens, pastTokens: 0 }];
    this.#ops.free(model.runLayers({ batch, layers, input: { tokens: sharedPast(stepCase) } }));
  }
}

/** One step as the executor runs it: all layers over the batch, then the greedy choices read from the device. */
function runStep(ops: TensorOps, model: ModelInstance, stepCase: StepCase): StepResult {
  const { numSequences, newTokens } = stepCase;
  const batch: BatchEntry[] = [];
  const tokens = new Int32Array(numSequences * newTokens);
  for (let sequence = 0; sequence < numSequences; sequence += 1) {
    batch.push({ requestId: sequence, numTokens: newTokens, pastTokens: pastTokens(stepCase) });
    tokens.set(newTokensOf(stepCase, sequence), sequence * newTokens);
  }
  const startUs = wallClockUs();
  const hidden = model.runLayers({ batch, layers, input: { tokens } });
  const samples = model.sample(hidden, lastRows(batch));
  ops.free(hidden);
  return { elapsedUs: wallClockUs() - startUs, tokens: [...samples.tokens] };
}

function lastRows(batch: readonly BatchEntry[]): Int32Array {
  return firstRows(batch).map((row, index) => row + (batch[index]?.numTokens ?? 0) - 1);
}
