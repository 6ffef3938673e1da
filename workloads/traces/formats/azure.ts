import type { TraceLayout } from '../layout.ts';

/** Azure LLM inference traces of 2023, 2024 and (with a column for images) 2025. */
export const azure: TraceLayout = {
  file: 'csv',
  delimiter: ',',
  columns: { time: 'TIMESTAMP', promptTokens: 'ContextTokens', outputTokens: 'GeneratedTokens' },
  time: 'datetime',
};
