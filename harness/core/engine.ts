/** What a waiting request must find free before it is admitted: blocks for all of its tokens, or for its first chunk alone. */
export type Admission = 'whole-prompt' | 'first-chunk';

/**
 * The rules in which generations of engines differ. The scheduler knows these and no names: a preset is one choice of each.
 */
export interface EngineRules {
  readonly admission: Admission;
  /** `chunked`: prompts share steps with decoding requests. `own-steps`: prompts go first, whole, in steps of their own. */
  readonly prefill: 'chunked' | 'own-steps';
  /** When a prompt's blocks are taken: all of them with its first tokens, or as many as each chunk needs. */
  readonly promptBlocks: 'at-admission' | 'by-chunk';
  /** Whether a prompt's next chunk may enter a pipeline before its last one has left it. */
  readonly overlapsChunks: boolean;
  /** Whether requests behind those that were preempted may be admitted in the same step. */
  readonly admitsAfterPreemption: boolean;
}

/** Limits that an engine has where the configuration gives no others. */
interface EngineDefaults {
  readonly maxRunning: number;
  readonly maxBatchTokens: number;
  readonly watermarkRatio: number;
}

/**
 * Generations of vLLM. Limits are the defaults of their own flags (max_num_seqs, max_num_batched_tokens, the block manager's
 * watermark).
 *
 * `vllm-v1`, the engine from 0.8 on (vllm/v1/core/sched/scheduler.py): one token budget for running and waiting requests. A
 * request is admitted if all of its tokens fit into the free blocks (`scheduler_reserve_full_isl`, on by default), but takes them
 * chunk by chunk. `first-chunk` is that flag turned off. There is no watermark.
 *
 * `vllm-v0`, 0.4 to 0.7 with chunked prefill (vllm/core/scheduler.py, `_schedule_chunked_prefill`): all of a prompt's blocks are
 * taken at admission, a watermark of 1 % is left free, and a sequence is in one step at a time. What is preempted rejoins the
 * queue after the step's admissions.
 *
 * `vllm-0.1`, 0.1 to 0.2 (vllm/core/scheduler.py, `_schedule`): as long as whole prompts fit they are all that a step computes, and
 * decoding requests wait.
 */
export const enginePresets = {
  'vllm-v1': {
    rules: {
      admission: 'whole-prompt',
      prefill: 'chunked',
      promptBlocks: 'by-chunk',
      overlapsChunks: true,
      admitsAfterPreemption: false,
    },
    defaults: { maxRunning: 256, maxBatchTokens: 2048, watermarkRatio: 0 },
  },
  'vllm-v0': {
    rules: {
      admission: 'whole-prompt',
      prefill: 'chunked',
      promptBlocks: 'at-admission',
      overlapsChunks: false,
      admitsAfterPreemption: true,
    },
    defaults: { maxRunning: 256, maxBatchTokens: 512, watermarkRatio: 0.01 },
  },
  'vllm-0.1': {
    rules: {
      admission: 'whole-prompt',
      prefill: 'own-steps',
      promptBlocks: 'at-admission',
      overlapsChunks: false,
      admitsAfterPreemption: false,
    },
    defaults: { maxRunning: 256, maxBatchTokens: 2560, watermarkRatio: 0.01 },
  },
} as const satisfies Record<string, { readonly rules: EngineRules; readonly defaults: EngineDefaults }>;

export type EnginePreset = keyof typeof enginePresets;
