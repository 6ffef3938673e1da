import type { CustomFormat, TraceFormat } from '../source-schema.ts';
import type { TimeUnit } from './values.ts';

/** How to read a trace: syntax of the file, and where its three values are. */
export interface TraceLayout {
  readonly file: 'csv' | 'jsonl';
  readonly delimiter: string;
  readonly columns: CustomFormat['columns'];
  readonly time: TimeUnit;
  /** Column whose equal values mean equal prompts. */
  readonly promptKey?: string;
}

const layouts: Readonly<Record<Extract<TraceFormat, string>, TraceLayout>> = {
  /** Azure LLM inference traces of 2023, 2024 and (with a column for images) 2025. */
  azure: {
    file: 'csv',
    delimiter: ',',
    columns: { time: 'TIMESTAMP', promptTokens: 'ContextTokens', outputTokens: 'GeneratedTokens' },
    time: 'datetime',
  },
  /** BurstGPT of any version: the third has two more columns in the middle. */
  burstgpt: {
    file: 'csv',
    delimiter: ',',
    columns: { time: 'Timestamp', promptTokens: 'Request tokens', outputTokens: 'Response tokens' },
    time: 's',
  },
  /** Mooncake's FAST'25 traces; `hash_ids` name the blocks of the prompt. */
  mooncake: {
    file: 'jsonl',
    delimiter: ',',
    columns: { time: 'timestamp', promptTokens: 'input_length', outputTokens: 'output_length' },
    time: 'ms',
    promptKey: 'hash_ids',
  },
};

export function layoutOf(format: TraceFormat): TraceLayout {
  return typeof format === 'string' ? layouts[format] : format;
}

/** The built-in format whose columns the first line of a file has. */
export function recognizeFormat(firstLine: string): Extract<TraceFormat, string> | undefined {
  return (['azure', 'burstgpt', 'mooncake'] as const).find((name) =>
    Object.values(layouts[name].columns).every((column) => firstLine.includes(String(column))),
  );
}
