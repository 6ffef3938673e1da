import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { Hardware } from '../../../harness/domain/hardware.ts';
import type { ModelShape } from '../../../harness/domain/model-shape.ts';
import { hardwareSchema, toHardware } from '../../../harness/config/hardware-schema.ts';
import { modelSchema, toModelShape } from '../../../harness/config/model-schema.ts';

const root = resolve(import.meta.dirname, '../../..');

/** One request as vLLM served it; seconds from the first request. */
const rowSchema = z.object({
  /** When the engine got it, which is later than it was sent where the engine was busy. */
  queued_s: z.coerce.number(),
  prompt_tokens: z.coerce.number(),
  output_tokens: z.coerce.number(),
  scheduled_s: z.coerce.number(),
  first_token_s: z.coerce.number(),
  last_token_s: z.coerce.number(),
});

export type MeasuredRow = z.output<typeof rowSchema>;

/** A run of vLLM 0.19.0 and what it ran on: one instance, 2,048 tokens a step. */
export interface MeasuredRun {
  readonly file: string;
  readonly model: string;
  readonly hardware: string;
  readonly maxRunning: number;
  /** KV blocks of 16 that requests can use: vLLM keeps one of those that it counts for itself. */
  readonly blocks: number;
}

export const measuredRuns: readonly MeasuredRun[] = [
  {
    file: 'rtx4090-llama-3.1-8b.csv',
    model: 'llama-3.1-8b',
    hardware: 'rtx-4090',
    maxRunning: 256,
    blocks: 2587,
  },
  // The block count is not published; memory is ample.
  {
    file: 'rtxpro6000-llama-3.1-8b.csv',
    model: 'llama-3.1-8b',
    hardware: 'rtx-pro-6000',
    maxRunning: 128,
    blocks: 30_000,
  },
];

export function readRun({ file }: MeasuredRun): readonly MeasuredRow[] {
  const text = readFileSync(resolve(root, 'test/fixtures/vllm-measured', file), 'utf8');
  return z.array(rowSchema).parse(parseCsv(text, { columns: true }));
}

/** The hardware file as it is written, quantities read. */
export function readHardwareFile(name: string): z.output<typeof hardwareSchema> {
  const text = readFileSync(resolve(root, 'configs/hardware', `${name}.yaml`), 'utf8');
  return hardwareSchema.parse(parseYaml(text));
}

export function readHardware(name: string): Hardware {
  return toHardware(readHardwareFile(name), name);
}

export function readModel(name: string): ModelShape {
  const text = readFileSync(resolve(root, 'configs/models', `${name}.yaml`), 'utf8');
  return toModelShape(modelSchema.parse(parseYaml(text)), name);
}
