import { fieldOf } from '../computed.ts';
import type { ComputedFormat, ComputedRow } from '../layout.ts';

/**
 * What `vllm bench serve --save-result --save-detailed` writes: one JSON object with a list per column. Versions of 2025
 * and later have `start_times`, in seconds; without them the requests have no times.
 */
export const vllmBench: ComputedFormat = {
  file: 'json-object',
  time: 's',
  isBegunBy: (text) => /^\s*\{/u.test(text) && text.includes('"total_input_tokens"'),
  hasTexts: false,
  rowsOf,
};

function* rowsOf(value: unknown): Generator<ComputedRow> {
  const column = (name: string): readonly unknown[] | undefined => {
    const list = fieldOf(value, name);
    return Array.isArray(list) ? list : undefined;
  };
  const prompts = column('input_lens');
  const outputs = column('output_lens');
  if (prompts === undefined || outputs === undefined) {
    return yield { malformed: 'has no input_lens and output_lens: make it with --save-detailed' };
  }
  const times = column('start_times');
  const errors = column('errors');
  for (const [index, promptTokens] of prompts.entries()) {
    const error = errors?.[index];
    const hasFailed = typeof error === 'string' && error !== '';
    yield hasFailed
      ? { malformed: `failed: ${error.slice(0, 80)}` }
      : { time: times?.[index], promptTokens, outputTokens: outputs[index] };
  }
}
