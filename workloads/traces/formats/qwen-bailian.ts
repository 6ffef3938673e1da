import type { TraceLayout } from '../layout.ts';

/**
 * Qwen-Bailian's anonymous usage traces. The columns are Mooncake's, but times are seconds, and `hash_ids` name blocks of
 * 16 tokens. Turns of one chat are rows of their own, at the times that they had.
 */
export const qwenBailian: TraceLayout = {
  file: 'jsonl',
  delimiter: ',',
  columns: { time: 'timestamp', promptTokens: 'input_length', outputTokens: 'output_length' },
  marks: ['chat_id'],
  time: 's',
  promptKey: 'hash_ids',
};
