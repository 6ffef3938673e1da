/** Level of TensorFlow's log that hides everything that does not also reach us as an exception. */
export const errorsOnly = '3';

export interface LoadOptions {
  /** Threads inside one op. One is the fairest unit for small models; prefill gains from more. */
  readonly numThreads: number;
}

/**
 * The switches that TensorFlow reads while it loads. A launcher may put them in a child's environment; `loadBackend`
 * sets them itself. What the user has set stays, except for the number of threads, which belongs to the experiment.
 */
export function backendEnvironment(
  options: LoadOptions,
  inherited: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const defaults = {
    TF_CPP_MIN_LOG_LEVEL: errorsOnly,
    // Several instances may share one GPU, so memory is taken as it is needed.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Full float32 products: the token check compares logits between batch shapes, TF32 keeps ten bits of them.
    NVIDIA_TF32_OVERRIDE: '0',
  };
  const environment: Record<string, string> = {
    TF_NUM_INTRAOP_THREADS: String(options.numThreads),
    TF_NUM_INTEROP_THREADS: '1',
  };
  for (const [name, value] of Object.entries(defaults)) environment[name] = inherited[name] ?? value;
  return environment;
}
