import { maxTokens } from '../../harness/base/bounds.ts';
import { createLengthSampler } from '../lengths.ts';
import type { SourceOf } from '../source-schema.ts';
import type { LoadedTrace } from '../traces/load-trace.ts';
import type { PlanContext } from './plan.ts';

type TraceSource = SourceOf<'trace'>;

export interface Resized {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly isOverlong: boolean;
}

/**
 * Returns a function that gives the lengths of a row, cut to the source's maxima, and whether they had to be cut.
 */
export function createResizer(
  trace: LoadedTrace,
  source: TraceSource,
  context: PlanContext,
): (row: number) => Resized {
  const promptOf = lengthReader(source, 'promptTokens', trace, context);
  const outputOf = lengthReader(source, 'outputTokens', trace, context);
  const { maxPromptTokens = maxTokens, maxOutputTokens = maxTokens, maxTotalTokens = Infinity } = source;
  return (row) => {
    const wantedPrompt = promptOf(row);
    const wantedOutput = outputOf(row);
    const outputTokens = Math.min(wantedOutput, maxOutputTokens, maxTotalTokens - 1);
    const promptTokens = Math.min(wantedPrompt, maxPromptTokens, maxTotalTokens - outputTokens);
    const isOverlong = promptTokens < wantedPrompt || outputTokens < wantedOutput;
    return { promptTokens, outputTokens, isOverlong };
  };
}

/**
 * Returns a function that gives the length of a row: the trace's own, scaled, or a draw from the distribution
 * that replaces it.
 */
function lengthReader(
  source: TraceSource,
  part: 'promptTokens' | 'outputTokens',
  trace: LoadedTrace,
  context: PlanContext,
): (row: number) => number {
  const replacement = source[part];
  if (replacement !== undefined) {
    const sampler = createLengthSampler(replacement, part);
    const rng = context.stream(part === 'promptTokens' ? 'prompt' : 'output');
    return () => sampler.sample(rng);
  }
  const scale = part === 'promptTokens' ? source.lengthScale.prompt : source.lengthScale.output;
  return (row) => Math.max(1, Math.round(trace[part](row) * scale));
}
