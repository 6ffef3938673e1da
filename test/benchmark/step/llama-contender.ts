import { wallClockUs } from '../../../harness/base/clock.ts';
import { quantileOfSorted, sorted } from '../../../harness/base/stats.ts';
import { newTokensOf, pastTokens, sharedPast, type StepCase } from './cases.ts';
import { type Contender, type PreparedStep, type StepResult, warmUp } from './contender.ts';
import {
  type AddonContext,
  type AddonModel,
  type AddonSampler,
  type LlamaBinding,
  loadLlama,
} from './llama-binding.ts';

export type KvType = 'float32' | 'float16';

/** Of `enum ggml_type` in ggml.h. */
const ggmlTypes: Readonly<Record<KvType, number>> = { float32: 0, float16: 1 };

/** llama.cpp on one thread with float32 weights; KV of the given type, flash attention where that is faster. */
export class LlamaContender implements Contender {
  readonly description: string;
  readonly #binding: LlamaBinding;
  readonly #model: AddonModel;
  readonly #sampler: AddonSampler;
  readonly #kvType: KvType;
  readonly #queueUs: number;

  private constructor(loaded: LoadedModel, kvType: KvType, queueUs: number) {
    this.description = `${loaded.version}, CPU, 1 thread, ${kvType} KV`;
    this.#binding = loaded.binding;
    this.#model = loaded.model;
    this.#sampler = new loaded.binding.AddonSampler(loaded.model);
    this.#sampler.applyConfig({ temperature: 0 });
    this.#kvType = kvType;
    this.#queueUs = queueUs;
  }

  static async load(modelPath: string, kvType: KvType): Promise<LlamaContender> {
    const { binding, version } = await loadLlama();
    const model = new binding.AddonModel(modelPath, { addonExports: binding, gpuLayers: 0, useMmap: false });
    if (!(await model.init())) throw new Error(`llama.cpp does not load ${modelPath}`);
    return new LlamaContender({ binding, version, model }, kvType, await medianQueueUs(binding, model));
  }

  async prepare(stepCase: StepCase): Promise<PreparedStep> {
    const plain = await this.#prepareWith(stepCase, false);
    const flash = await this.#prepareWith(stepCase, true);
    const isFlashFaster = (await warmUp(flash)) < (await warmUp(plain));
    const [faster, slower] = isFlashFaster ? [flash, plain] : [plain, flash];
    await slower.dispose();
    return faster;
  }

  async #prepareWith(stepCase: StepCase, flashAttention: boolean): Promise<PreparedStep> {
    const { numSequences, contextTokens } = stepCase;
    const context = new this.#binding.AddonContext(this.#model, {
      contextSize: numSequences * contextTokens,
      batchSize: Math.max(numSequences, contextTokens),
      sequences: numSequences,
      flashAttention,
      threads: 1,
      kvCacheKeyType: ggmlTypes[this.#kvType],
      kvCacheValueType: ggmlTypes[this.#kvType],
    });
    if (!(await context.init())) throw new Error(`llama.cpp makes no context for ${stepCase.name}`);
    await fillPast(context, stepCase);
    return {
      settings: `flash attention ${flashAttention ? 'on' : 'off'}`,
      run: () => this.#run(context, stepCase),
      dispose: () => context.dispose(),
    };
  }

  /**
   * `llama_decode` and the greedy choice for every sequence. Both run on libuv's worker thread; the two round trips
   * to it are the wrapper's price, not llama.cpp's, and are taken off.
   */
  async #run(context: AddonContext, stepCase: StepCase): Promise<StepResult> {
    const logitRows = addStep(context, stepCase);
    const startUs = wallClockUs();
    await context.decodeBatch();
    const tokens = await Promise.all(logitRows.map((row) => context.sampleToken(row, this.#sampler)));
    const elapsedUs = wallClockUs() - startUs;
    forgetStep(context, stepCase);
    return { elapsedUs: elapsedUs - 2 * this.#queueUs, tokens };
  }
}

interface LoadedModel {
  readonly binding: LlamaBinding;
  readonly version: string;
  readonly model: AddonModel;
}

/** KV of the tokens before the step: computed for the first sequence, copied to the memory of each other one. */
async function fillPast(context: AddonContext, stepCase: StepCase): Promise<void> {
  const numPast = pastTokens(stepCase);
  if (numPast === 0) return;
  context.initBatch(numPast);
  context.addToBatch(0, 0, Uint32Array.from(sharedPast(stepCase)), new Uint32Array());
  await context.decodeBatch();
  for (let sequence = 1; sequence < stepCase.numSequences; sequence += 1) {
    await context.copySequenceStateFromOtherSequence(sequence, 0);
  }
}

function addStep(context: AddonContext, stepCase: StepCase): number[] {
  const { numSequences, newTokens } = stepCase;
  const lastToken = Uint32Array.of(newTokens - 1);
  const logitRows: number[] = [];
  context.initBatch(numSequences * newTokens);
  for (let sequence = 0; sequence < numSequences; sequence += 1) {
    const tokens = Uint32Array.from(newTokensOf(stepCase, sequence));
    logitRows.push(...context.addToBatch(sequence, pastTokens(stepCase), tokens, lastToken));
  }
  return logitRows;
}

function forgetStep(context: AddonContext, stepCase: StepCase): void {
  for (let sequence = 0; sequence < stepCase.numSequences; sequence += 1) {
    context.removeTokenCellsFromSequence(sequence, pastTokens(stepCase), -1);
  }
}

/** Round trip to the worker thread and back, measured with a call that has nothing to do: copying no KV. */
async function medianQueueUs(binding: LlamaBinding, model: AddonModel): Promise<number> {
  const context = new binding.AddonContext(model, {
    contextSize: 256,
    batchSize: 1,
    sequences: 1,
    flashAttention: false,
    threads: 1,
    kvCacheKeyType: ggmlTypes.float32,
    kvCacheValueType: ggmlTypes.float32,
  });
  if (!(await context.init())) throw new Error('llama.cpp makes no context');
  const times: number[] = [];
  for (let i = 0; i < 1000; i += 1) {
    const startUs = wallClockUs();
    await context.copySequenceStateFromOtherSequence(0, 0);
    times.push(wallClockUs() - startUs);
  }
  await context.dispose();
  return quantileOfSorted(sorted(times), 0.5) ?? 0;
}
