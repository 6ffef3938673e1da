import { fieldOf, tokensOfText } from '../computed.ts';
import type { ComputedFormat, ComputedRow } from '../layout.ts';

/**
 * Batch files of OpenAI's API, JSON Lines: the input, whose answers are as long as it allows (`max_completion_tokens` or
 * `max_tokens`), or the output, which has the tokens of each request that succeeded (`usage`).
 */
export const openaiBatch: ComputedFormat = {
  file: 'json-lines',
  time: undefined,
  isBegunBy: (text) => text.includes('"custom_id"') && /"(?:body|response)"/u.test(text),
  hasTexts: true,
  rowsOf,
};

function* rowsOf(value: unknown): Generator<ComputedRow> {
  const usage = fieldOf(value, 'response', 'body', 'usage');
  if (usage !== undefined) {
    return yield {
      promptTokens: fieldOf(usage, 'prompt_tokens'),
      outputTokens: fieldOf(usage, 'completion_tokens'),
    };
  }
  const body = fieldOf(value, 'body');
  if (body === undefined) return yield { malformed: 'is no request, and no response with usage' };
  yield {
    promptTokens: tokensOfText(fieldOf(body, 'messages') ?? fieldOf(body, 'prompt')),
    outputTokens: fieldOf(body, 'max_completion_tokens') ?? fieldOf(body, 'max_tokens'),
  };
}
