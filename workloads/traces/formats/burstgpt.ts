import type { TraceLayout } from '../layout.ts';

/** BurstGPT of any version: the third has two more columns in the middle. */
export const burstgpt: TraceLayout = {
  file: 'csv',
  delimiter: ',',
  columns: { time: 'Timestamp', promptTokens: 'Request tokens', outputTokens: 'Response tokens' },
  time: 's',
};
