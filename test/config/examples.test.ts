import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { modelWeightBytes } from '../../harness/domain/model-shape.ts';
import { groupCapacity, memoryPlanOf } from '../../harness/config/capacity.ts';
import { catalogNames } from '../../harness/config/catalog.ts';
import { configJsonSchema, loadConfig } from '../../harness/config/index.ts';
import type { PolicyResolver } from '../../harness/config/index.ts';
import { policies } from '../../policies/index.ts';
import { load, validText } from './support.ts';

const root = resolve(import.meta.dirname, '../..');
const examples = ['.', 'papers/kunserve', 'papers/llumnix', 'papers/chiron'].flatMap((folder) =>
  readdirSync(join(root, 'configs', folder))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(folder, file)),
);
const builtIns = new Map(Object.entries(policies));
const resolver: PolicyResolver = {
  names: [...builtIns.keys()],
  resolve: (use) => Promise.resolve(builtIns.get(use)),
};

const isValid = new Ajv2020({ strict: false }).compile(configJsonSchema());

describe.each(examples)('configs/%s', (example) => {
  const file = join('configs', example);

  it('resolves with the built-in policies', async () => {
    const config = await loadConfig({ file, resolver, cwd: root });
    expect(config.name).toBe(basename(example, '.yaml'));
    expect(config.stacks.length).toBeGreaterThan(1);
  });

  it('is valid against the JSON Schema', () => {
    isValid(parse(readFileSync(join(root, file), 'utf8')));
    expect(isValid.errors).toBeNull();
  });
});

describe('JSON Schema', () => {
  it('refuses unknown keys', () => {
    const config: unknown = parse(validText);
    expect(isValid(config)).toBe(true);
    expect(isValid({ ...(config as object), sead: 7 })).toBe(false);
  });
});

/** Loads any model on any device, in the mode that asks least of them. */
async function loadPair(model: string, hardware: string, stagesPerGroup = 1) {
  const overrides = [
    `model=${model}`,
    `cluster={ instances: 4, hardware: ${hardware}, stagesPerGroup: ${stagesPerGroup} }`,
    'execution.mode=simulate',
  ];
  return await load(validText, { overrides });
}

async function kvTokens(model: string, hardware: string): Promise<number> {
  return groupCapacity(memoryPlanOf(await loadPair(model, hardware))).kvTokens;
}

describe('the catalog', () => {
  it('holds models and devices that all resolve', async () => {
    for (const model of catalogNames('models')) {
      expect((await loadPair(model, 'h800-80gb', model.includes('72b') ? 4 : 1)).model.name).toBe(model);
    }
    for (const hardware of catalogNames('hardware')) {
      expect((await loadPair('tiny-llama', hardware)).cluster.hardware.name).toBe(hardware);
    }
  });

  it.each([
    ['qwen-2.5-14b', 14.77e9],
    ['qwen-2.5-72b', 72.7e9],
    ['llama-7b', 6.74e9],
    ['llama-3.1-8b', 8.03e9],
  ])('%s has its published number of parameters', async (name, parameters) => {
    const { model } = await loadPair(name, 'h800-80gb', name.includes('72b') ? 4 : 1);
    expect(Math.abs(modelWeightBytes(model) / model.bytesPerWeight / parameters - 1)).toBeLessThan(0.005);
  });

  it.each([
    ['qwen-2.5-14b', 'a800-80gb', 0.344],
    ['qwen-2.5-72b', 'h800-80gb-tp4', 0.423],
  ])('fills with the weights of %s what table 1 of KunServe says of %s', async (model, hardware, share) => {
    const config = await loadPair(model, hardware);
    expect(modelWeightBytes(config.model) / config.cluster.hardware.memoryBytes).toBeCloseTo(share, 3);
  });

  it("leaves the KV memory of the papers' testbeds", async () => {
    // KunServe: 243,000 tokens for Qwen-2.5-14B on an A800; Llumnix: 13,616 for LLaMA-7B on an A10.
    expect(await kvTokens('qwen-2.5-14b', 'a800-80gb')).toBeCloseTo(243_000, -4);
    expect(Math.abs((await kvTokens('llama-7b', 'a10-24gb')) / 13_616 - 1)).toBeLessThan(0.05);
  });
});
