import { isComputed, type TraceFormat, type TraceLayout } from '../layout.ts';
import { azure } from './azure.ts';
import { burstgpt } from './burstgpt.ts';
import { mooncake } from './mooncake.ts';
import { openaiBatch } from './openai-batch.ts';
import { qwenBailian } from './qwen-bailian.ts';
import { servebench } from './servebench.ts';
import { sharegpt } from './sharegpt.ts';
import { vllmBench } from './vllm-bench.ts';

/** Every built-in format, by the name that a configuration uses. A new one is its file plus one line here. */
const formats = {
  azure,
  burstgpt,
  mooncake,
  'openai-batch': openaiBatch,
  'qwen-bailian': qwenBailian,
  servebench,
  sharegpt,
  'vllm-bench': vllmBench,
} as const satisfies Readonly<Record<string, TraceFormat>>;

export type TraceFormatName = keyof typeof formats;

// The cast holds as the record is constant and has no other keys.
export const traceFormatNames = Object.keys(formats) as [TraceFormatName, ...TraceFormatName[]];

/** The format that a configuration's `format` means: a built-in one by its name, or columns. */
export function formatOf(format: TraceFormatName | TraceLayout): TraceFormat {
  return typeof format === 'string' ? formats[format] : format;
}

/**
 * The built-in formats that the beginning of a file has: none, one, or several that tell columns alike. A format with
 * further marks of its own is meant where they are there.
 */
export function recognizeFormats(beginning: string): readonly TraceFormatName[] {
  const firstLine = beginning.split('\n', 1)[0] ?? '';
  const found = traceFormatNames.filter((name) => {
    const format: TraceFormat = formats[name];
    if (isComputed(format)) return format.isBegunBy(beginning);
    return namesOf(format).every((column) => firstLine.includes(column));
  });
  return found.filter((name) => !found.some((other) => isPartOf(formats[name], formats[other])));
}

/** Whether the one format's columns are all among the other's, which has more. */
function isPartOf(one: TraceFormat, other: TraceFormat): boolean {
  if (isComputed(one) || isComputed(other)) return false;
  const [few, many] = [namesOf(one), namesOf(other)];
  return few.length < many.length && few.every((column) => many.includes(column));
}

function namesOf({ columns, marks = [] }: TraceLayout): readonly string[] {
  return [...Object.values(columns).map(String), ...marks];
}
