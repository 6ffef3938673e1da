import { fieldOf, tokensOfText } from '../computed.ts';
import type { ComputedFormat, ComputedRow } from '../layout.ts';

/**
 * Conversations as ShareGPT and data sets after it publish them: one JSON list of objects with `conversations`, each of
 * turns `{ from, value }`. As in vLLM's benchmark, a row is the first question of a conversation with its answer.
 */
export const sharegpt: ComputedFormat = {
  file: 'json-list',
  time: undefined,
  isBegunBy: (text) => /^\s*\[/u.test(text) && text.includes('"conversations"') && text.includes('"from"'),
  hasTexts: true,
  rowsOf,
};

const askers: readonly unknown[] = ['human', 'user'];
const answerers: readonly unknown[] = ['gpt', 'assistant', 'chatgpt', 'bard', 'bing'];

function* rowsOf(value: unknown): Generator<ComputedRow> {
  const turns = fieldOf(value, 'conversations');
  if (!Array.isArray(turns)) return yield { malformed: 'has no conversations' };
  const list: readonly unknown[] = turns;
  const asked = list.findIndex(
    (turn, index) =>
      askers.includes(fieldOf(turn, 'from')) && answerers.includes(fieldOf(list[index + 1], 'from')),
  );
  if (asked < 0) return yield { malformed: 'has no question that was answered' };
  yield {
    promptTokens: tokensOfText(fieldOf(list[asked], 'value')),
    outputTokens: tokensOfText(fieldOf(list[asked + 1], 'value')),
  };
}
