import { z } from 'zod';
import { workloadSourceSchema } from '../../workloads/index.ts';
import { maxInstances, maxSeconds, maxTokens } from '../base/bounds.ts';
import type { InputIssue } from '../base/errors.ts';
import { msToUs } from '../base/units.ts';
import type { LoadReporting } from '../core/state/load/load-reports.ts';
import { isMapping } from './document.ts';
import { enginePresetNames, toEngine } from './engine.ts';
import { hardwareSchema } from './hardware-schema.ts';
import { modelSchema } from './model-schema.ts';
import type { Origin } from './origin.ts';
import { validate } from './validate.ts';

/** Names become those of files and folders, beside seeds and endings: a file system allows 255 characters. */
const maxNameLength = 100;
const identifier = z
  .string()
  .max(maxNameLength)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, {
    error: 'a name consists of letters, digits, - and _ (it also names a folder)',
  });
/** In thresholds, a metric begins with the stack's name, which must not look like a number. */
const stackName = z
  .string()
  .max(maxNameLength, { error: `the name of a stack has at most ${maxNameLength} characters` })
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, {
    error: 'the name of a stack is a letter, then letters, digits, - and _',
  });
const count = z.int().positive();
const seconds = z.number().nonnegative().max(maxSeconds);
const milliseconds = z.number().max(maxSeconds * 1000);

/** The id gives the schema a name in the JSON Schema, which contains it twice. */
const sourceSchema = workloadSourceSchema.meta({ id: 'workloadSource' });

const sloSchema = z.strictObject({
  ttftMs: milliseconds.positive().optional(),
  tpotMs: milliseconds.positive().optional(),
});

const faultSchema = z.strictObject({
  /** Index of the instance, from 0. */
  instance: z.int().nonnegative(),
  /** Virtual time in seconds. */
  atS: seconds,
});

const loadReportsSchema = z.union([
  z.enum(['live', 'per-step']),
  z.strictObject({ everyMs: milliseconds.min(0.001) }),
]);

function toLoadReporting(input: z.output<typeof loadReportsSchema>): LoadReporting {
  return typeof input === 'string' ? { kind: input } : { kind: 'every', us: msToUs(input.everyMs) };
}

const clusterSchema = z.strictObject({
  /** Number of instances at the start. */
  instances: count.max(maxInstances),
  /** Upper bound on instances at any time (GPU budget), for policies that scale. Default: `instances`. */
  maxInstances: count.max(maxInstances).optional(),
  /** A name in `configs/hardware`, a path, or the device written out. */
  hardware: z.union([z.string(), hardwareSchema]),
  /** Number of instances that serve one copy of the model together as a static pipeline. */
  stagesPerGroup: count.max(maxInstances).default(1),
  /**
   * When groups report the load that dispatchers and autoscalers see: `per-step`, as it was when the last
   * finished step was scheduled; `everyMs`, at intervals; or `live`, which no real cluster has.
   */
  loadReports: loadReportsSchema.default('per-step').transform(toLoadReporting),
  /** Instances that fail during every run and do not recover; what they hold is lost. */
  faults: z.array(faultSchema).max(maxInstances).default([]),
});

/**
 * Engine section. Limits that are not given are the defaults of the preset's own flags
 * (`harness/core/engine.ts`).
 */
const engineSchema = z
  .strictObject({
    /** Generation of the engine: its rules of admission, batching and memory. */
    preset: z.enum(enginePresetNames).default('vllm-v1'),
    /**
     * How much memory must be free before a request is admitted. Only vLLM V1 has this choice
     * (`scheduler_reserve_full_isl`).
     */
    admission: z.enum(['whole-prompt', 'first-chunk']).default('whole-prompt'),
    blockSizeTokens: count.max(1_000_000).default(16),
    maxRunning: count.max(1_000_000).optional(),
    maxBatchTokens: count.max(maxTokens).optional(),
    /** Share of the KV blocks that admission leaves free. */
    watermarkRatio: z.number().nonnegative().lt(1).optional(),
  })
  .refine(({ preset, admission }) => preset === 'vllm-v1' || admission === 'whole-prompt', {
    path: ['admission'],
    error:
      '"first-chunk" needs preset "vllm-v1"; older engines take all of a prompt\'s blocks when they admit it',
  })
  .transform(toEngine);

const executionSchema = z.strictObject({
  mode: z.enum(['measure', 'simulate', 'replay']).default('measure'),
  /**
   * Time that measured steps are charged: `reference` is what they would take on the device that the configuration
   * describes, so that arrivals and targets mean the same on every machine; `device` is what they take here.
   */
  clock: z.enum(['reference', 'device']).default('reference'),
  /** Seeds beyond the measured ones that each stack of a measured run is simulated on; 0 simulates nothing. */
  seedsSimulated: z.int().nonnegative().max(1000).default(30),
  threads: count.max(1024).default(1),
  /** Results folder whose recorded step times `mode: replay` uses, relative to the configuration file. */
  replayDir: z.string().min(1).optional(),
  verifyTokens: z.boolean().default(true),
  sampleIntervalMs: milliseconds.min(0.1).default(100),
  maxDurationS: seconds.positive().default(3600),
  /** Longest time that a call of a policy may take, at most a day. */
  policyTimeoutMs: z.number().min(1).max(86_400_000).default(1000),
});

const steadyWindowSchema = z
  .strictObject({ startS: seconds.default(0), endS: seconds.positive() })
  .refine(({ startS, endS }) => endS > startS, { path: ['endS'], error: 'must be greater than startS' });

const classSchema = z.strictObject({
  name: identifier,
  /** Priority for policies that consider it; higher is served first. */
  priority: z.int().min(-1_000_000).max(1_000_000).default(0),
  /** Latency targets of the class. Default: the configuration's `slo`. */
  slo: sloSchema.optional(),
});

const policyUseSchema = z.union([
  z.string().min(1),
  z.strictObject({
    /** A built-in name, the path of a plug-in, or a package. */
    use: z.string().min(1),
    params: z.record(z.string(), z.unknown()).default({}),
  }),
]);

/** A stack of policies, asked in order until one answers. */
export const stackSchema = z.array(policyUseSchema).min(1);

/** Longest threshold in characters: the depth of its parentheses and the number of its terms are bounded with it. */
const maxThresholdLength = 1000;

/** A whole configuration file. */
const configSchema = z.strictObject({
  /** Name of the run. Default: the name of the file. */
  name: identifier.optional(),
  /** Far from where whole numbers end to be exact, as further seeds are counted from it. */
  seed: z.int().nonnegative().max(999_999_999_000_000).default(1),
  /** Number of runs, with the seeds `seed`, `seed + 1`, ... */
  repeats: count.max(1000).default(3),
  /** A name in `configs/models`, a path, or the dimensions written out. */
  model: z.union([z.string(), modelSchema]),
  cluster: clusterSchema,
  engine: engineSchema.prefault({}),
  execution: executionSchema.prefault({}),
  /** One or several sources, which are merged by arrival time. */
  workload: z.union([sourceSchema, z.array(sourceSchema).min(1).max(1000)]),
  /**
   * The requests that count in the figures: those that arrive from `startS` on and before `endS`. The rest, from warm-up
   * and drain, is served as well. Instance time, memory and use of the cluster are of the whole run.
   */
  steadyWindow: steadyWindowSchema.optional(),
  slo: sloSchema.prefault({}),
  classes: z.array(classSchema).max(1000).default([]),
  policies: z.record(stackName, stackSchema).default({}),
  /** Stack with which the others are compared. Default: the first that is not a bound. */
  baseline: z.string().optional(),
  /** Conditions such as `kunserve.p99_ttft_ms < 0.5 * recompute.p99_ttft_ms`. */
  thresholds: z.array(z.string().max(maxThresholdLength)).max(10_000).default([]),
});

export type Config = z.output<typeof configSchema>;
export type PolicyUseInput = z.output<typeof policyUseSchema>;

/**
 * Returns the sections that are valid by themselves, so that checks that depend on them can run, and the
 * issues of all others.
 */
export function validateSections(
  value: unknown,
  origin: Origin,
): { readonly config: Partial<Config>; readonly issues: readonly InputIssue[] } {
  const whole = validate(configSchema, value, origin);
  if (whole.ok) return { config: whole.value, issues: [] };
  if (!isMapping(value)) return { config: {}, issues: whole.issues };
  const valid = Object.entries(configSchema.shape).flatMap(([key, schema]) => {
    const section = schema.safeParse(value[key]);
    return section.success ? [[key, section.data]] : [];
  });
  return { config: Object.fromEntries(valid) as Partial<Config>, issues: whole.issues };
}

/** Returns the JSON Schema (draft 2020-12) of a configuration file, for editors and other tools. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  return { $schema, title: 'servebench configuration', ...schema };
}
