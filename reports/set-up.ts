import { z } from 'zod';
import { usPerMs, usPerSecond } from '../harness/base/units.ts';
import type { EnginePreset } from '../harness/core/engine.ts';
import { formatNumber, formatPercent } from './format.ts';

const presetLabels: Readonly<Record<EnginePreset, string>> = {
  'vllm-v1': 'vLLM V1',
  'vllm-v0': 'vLLM V0',
  'vllm-0.1': 'vLLM 0.1',
};

const engineSchema = z.object({
  preset: z.enum(Object.keys(presetLabels) as [EnginePreset, ...EnginePreset[]]),
  rules: z.object({
    admission: z.enum(['whole-prompt', 'first-chunk']),
    prefill: z.enum(['chunked', 'own-steps']),
    overlapsChunks: z.boolean(),
  }),
  maxRunning: z.number(),
  maxBatchTokens: z.number(),
  watermarkRatio: z.number(),
});

/** The engine on every instance, as a resolved configuration has it. */
type Engine = z.infer<typeof engineSchema>;

const loadReportsSchema = z.union([
  z.object({ kind: z.enum(['live', 'per-step']) }),
  z.object({ kind: z.literal('every'), us: z.number() }),
]);

/** How old the load is that policies see, as a resolved configuration has it; microseconds. */
type LoadReports = z.infer<typeof loadReportsSchema>;

const setUpSchema = z.object({
  engine: engineSchema,
  cluster: z.object({ loadReports: loadReportsSchema }),
  steadyWindow: z.object({ startUs: z.number(), endUs: z.number() }).optional(),
});

/** What ran under the policies of all stacks, in words. */
export interface SetUp {
  /** `vLLM V1`. */
  readonly engine: string;
  /** Its rules and limits. */
  readonly rules: string;
  readonly loadReports: string;
  /** Which requests count, where not all do, in sentences. */
  readonly steadyWindow?: readonly string[];
}

/** From a resolved configuration; `undefined` where it does not say. */
export function setUpOf(config: unknown): SetUp | undefined {
  const { data } = setUpSchema.safeParse(config);
  if (data === undefined) return undefined;
  const { engine, cluster, steadyWindow } = data;
  return {
    engine: presetLabels[engine.preset],
    rules: rulesOf(engine),
    loadReports: wordsOf(cluster.loadReports),
    ...(steadyWindow !== undefined && { steadyWindow: windowWords(steadyWindow) }),
  };
}

function windowWords({ startUs, endUs }: { readonly startUs: number; readonly endUs: number }) {
  const [start, end] = [startUs, endUs].map((us) => formatNumber(us / usPerSecond));
  return [
    `Steady window: figures of requests are of those that arrived from ${start} s to ${end} s;`,
    'those of instances, memory and use are of the whole run.',
  ];
}

function rulesOf({ rules, maxRunning, maxBatchTokens, watermarkRatio }: Engine): string {
  const isChunked = rules.prefill === 'chunked';
  return [
    `${rules.admission} admission`,
    isChunked ? 'prompts in chunks' : 'whole prompts in steps of their own',
    ...(isChunked && !rules.overlapsChunks ? ['one chunk of a prompt at a time'] : []),
    `${formatNumber(maxBatchTokens)} tokens a step`,
    `${formatNumber(maxRunning)} requests at a time`,
    ...(watermarkRatio > 0 ? [`${formatPercent(watermarkRatio)} of the KV memory kept free`] : []),
  ].join(', ');
}

function wordsOf(loadReports: LoadReports): string {
  if (loadReports.kind === 'live') return 'live';
  if (loadReports.kind === 'every') return `every ${formatNumber(loadReports.us / usPerMs)} ms`;
  return "per step, as of the last finished one's scheduling";
}
