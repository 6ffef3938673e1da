import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EnvironmentError } from '../../../harness/base/errors.ts';

/**
 * The part of node-llama-cpp's native binding that the benchmark calls. The package's public classes queue tokens and
 * merge them into batches by timers; the binding below them evaluates one batch in one `llama_decode`. Only the prebuilt
 * binding is installed: it needs nothing else of the package, and so nothing can be downloaded or compiled at run time.
 */
export interface LlamaBinding {
  readonly AddonModel: new (path: string, options: ModelOptions) => AddonModel;
  readonly AddonContext: new (model: AddonModel, options: ContextOptions) => AddonContext;
  readonly AddonSampler: new (model: AddonModel) => AddonSampler;
  setLoggerLogLevel(level: number): void;
  /** Picks the kernels in the folder that suit this processor best. */
  loadBackends(folder: string): void;
  init(): Promise<void>;
}

interface ModelOptions {
  readonly addonExports: LlamaBinding;
  readonly gpuLayers: number;
  readonly useMmap: boolean;
}

interface ContextOptions {
  /** KV rows of all sequences together; each sequence gets an equal share of its own. */
  readonly contextSize: number;
  /** Most tokens of one `llama_decode`. */
  readonly batchSize: number;
  readonly sequences: number;
  readonly flashAttention: boolean;
  readonly threads: number;
  /** Numbers of `enum ggml_type`. */
  readonly kvCacheKeyType: number;
  readonly kvCacheValueType: number;
}

export interface AddonModel {
  init(): Promise<boolean>;
}

export interface AddonContext {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(maxTokens: number): void;
  /** Returns the rows of the logits for the tokens at `logitIndexes`. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitRow: number, sampler: AddonSampler): Promise<number>;
  /** Frees positions [start, end); an end of -1 means all that follow. */
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
}

export interface AddonSampler {
  applyConfig(config: { readonly temperature: number }): void;
}

/** What the package with the prebuilt binding for a platform exports. */
interface BinaryPackage {
  getBinsDir(): { readonly binsDir: string; readonly packageVersion: string };
}

interface BuildMetadata {
  readonly buildOptions: { readonly llamaCpp: { readonly release: string } };
}

/** Of the binding's log levels: errors and worse. */
const logErrors = 2;

export async function loadLlama(): Promise<{ readonly binding: LlamaBinding; readonly version: string }> {
  const platform = `${process.platform}-${process.arch}`;
  const { binsDir, packageVersion } = (await importBinaries(platform)).getBinsDir();
  const folder = join(binsDir, platform);
  const require = createRequire(import.meta.url);
  const binding: LlamaBinding = require(join(folder, 'llama-addon.node'));
  binding.setLoggerLogLevel(logErrors);
  binding.loadBackends(folder);
  await binding.init();
  const metadata: BuildMetadata = require(join(folder, '_nlcBuildMetadata.json'));
  const { release } = metadata.buildOptions.llamaCpp;
  return { binding, version: `llama.cpp ${release} (node-llama-cpp ${packageVersion})` };
}

async function importBinaries(platform: string): Promise<BinaryPackage> {
  try {
    return await import(`@node-llama-cpp/${platform}`);
  } catch (cause) {
    throw new EnvironmentError(
      `llama.cpp is not installed for ${platform}`,
      'on Linux (x64, arm64), run `npm ci --prefix test/benchmark/step`',
      { cause },
    );
  }
}
