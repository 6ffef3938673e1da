import { createLengthSampler } from '../../workloads/lengths.ts';
import type { WorkloadSource } from '../../workloads/index.ts';

/**
 * Returns prompt plus answer of the longest request that the source can generate, in tokens; undefined for a
 * trace whose lengths have no bound.
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

type TraceSource = Extract<WorkloadSource, { kind: 'trace' }>;

/** The trace's own lengths have no bound that is known before it is read; distributions may stand in for them. */
function longestOfTrace(source: TraceSource): number | undefined {
  const { maxPromptTokens = Infinity, maxOutputTokens = Infinity, maxTotalTokens = Infinity } = source;
  const prompt = Math.min(maxPromptTokens, longestDrawn(source, 'promptTokens'));
  const output = Math.min(maxOutputTokens, longestDrawn(source, 'outputTokens'));
  const longest = Math.min(prompt + output, maxTotalTokens);
  return longest === Infinity ? undefined : longest;
}

function longestDrawn(source: TraceSource, part: 'promptTokens' | 'outputTokens'): number {
  const replacement = source[part];
  return replacement === undefined ? Infinity : createLengthSampler(replacement, part).maxTokens;
}
