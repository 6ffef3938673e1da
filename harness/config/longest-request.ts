import { createLengthSampler } from '../../workloads/lengths.ts';
import type { WorkloadSource } from '../../workloads/index.ts';

/**
 * Returns prompt plus answer of the longest request that the source can generate, in tokens; undefined for a
 * trace without a bound.
 */
export function longestRequestTokens(source: WorkloadSource): number | undefined {
  if (source.kind === 'trace') return longestOfTrace(source);
  const prompt = createLengthSampler(source.promptTokens, 'promptTokens').maxTokens;
  const output =
    source.outputLimitTokens ?? createLengthSampler(source.outputTokens, 'outputTokens').maxTokens;
  const first = prompt + output;
  if (source.kind !== 'chain-of-thought' || source.followUps === undefined) return first;
  const { followUps } = source;
  const followUpPrompt = createLengthSampler(followUps.promptTokens, 'promptTokens').maxTokens;
  const last = first + (followUps.maxTurns - 1) * (followUpPrompt + output);
  return Math.max(first, Math.min(last, followUps.maxContextTokens ?? Infinity));
}

function longestOfTrace(source: Extract<WorkloadSource, { kind: 'trace' }>): number | undefined {
  if (source.maxTotalTokens !== undefined) return source.maxTotalTokens;
  if (source.maxPromptTokens === undefined || source.maxOutputTokens === undefined) return undefined;
  return source.maxPromptTokens + source.maxOutputTokens;
}
