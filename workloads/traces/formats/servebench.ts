import type { TraceLayout } from '../layout.ts';

/** The `requests.jsonl` of a cell of servebench: its requests again, with the arrivals that they had there. */
export const servebench: TraceLayout = {
  file: 'jsonl',
  delimiter: ',',
  columns: { time: 'arrived_at_us', promptTokens: 'prompt_tokens', outputTokens: 'output_tokens' },
  time: 'us',
};
