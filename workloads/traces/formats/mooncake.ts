import type { TraceLayout } from '../layout.ts';

/** Mooncake's FAST'25 traces; `hash_ids` name the blocks of the prompt. */
export const mooncake: TraceLayout = {
  file: 'jsonl',
  delimiter: ',',
  columns: { time: 'timestamp', promptTokens: 'input_length', outputTokens: 'output_length' },
  time: 'ms',
  promptKey: 'hash_ids',
};
