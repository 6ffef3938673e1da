/** Level of TensorFlow's log that shows fatal errors only; other errors reach us as exceptions. */
export const fatalOnly = '3';

export interface LoadOptions {
  /**
   * Number of threads within one op. One is the most comparable unit for small models; prefill benefits from
   * more.
   */
  readonly numThreads: number;
}

/**
 * Returns the environment variables that TensorFlow reads when it is loaded. A launcher may pass them to a
 * child; `loadBackend` sets them itself. Values set by the user are kept, except for the number of threads,
 * which is part of the experiment.
 */
export function backendEnvironment(
  options: LoadOptions,
  inherited: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const defaults = {
    TF_CPP_MIN_LOG_LEVEL: fatalOnly,
    // Several instances may share one GPU, so TensorFlow takes memory as needed and not all at once.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Products use full float32, because the token check compares logits between batch shapes and TF32 keeps
    // only ten bits.
    NVIDIA_TF32_OVERRIDE: '0',
  };
  const environment: Record<string, string> = {
    TF_NUM_INTRAOP_THREADS: String(options.numThreads),
    TF_NUM_INTEROP_THREADS: '1',
  };
  for (const [name, value] of Object.entries(defaults)) environment[name] = inherited[name] ?? value;
  return environment;
}
