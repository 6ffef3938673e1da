import { describe, expect, it } from 'vitest';
import { longestRequestTokens } from '../../harness/config/longest-request.ts';
import { workloadSourceSchema } from '../../workloads/index.ts';

function longest(keys: object): number | undefined {
  return longestRequestTokens(
    workloadSourceSchema.parse({
      class: 'default',
      path: 'trace.csv',
      format: 'azure',
      kind: 'trace',
      ...keys,
    }),
  );
}

const prompts = { promptTokens: { dist: 'uniform', min: 10, max: 90 } };
const answers = { outputTokens: { dist: 'constant', tokens: 20 } };

describe('the longest request of a trace', () => {
  it('is not known where a length has no bound', () => {
    expect(longest({})).toBeUndefined();
    expect(longest({ maxPromptTokens: 100 })).toBeUndefined();
    expect(longest(prompts)).toBeUndefined();
  });

  it('follows from the bounds on its parts, or on both together', () => {
    expect(longest({ maxPromptTokens: 100, maxOutputTokens: 50 })).toBe(150);
    expect(longest({ maxTotalTokens: 120 })).toBe(120);
    expect(longest({ maxPromptTokens: 100, maxOutputTokens: 50, maxTotalTokens: 120 })).toBe(120);
    expect(longest({ maxPromptTokens: 60, maxOutputTokens: 50, maxTotalTokens: 120 })).toBe(110);
  });

  it('follows from the distributions that replace its own lengths', () => {
    expect(longest({ ...prompts, ...answers })).toBe(110);
    expect(longest({ ...prompts, maxOutputTokens: 50 })).toBe(140);
    expect(longest({ ...prompts, ...answers, maxPromptTokens: 40 })).toBe(60);
    expect(longest({ ...prompts, ...answers, maxTotalTokens: 100 })).toBe(100);
  });
});
