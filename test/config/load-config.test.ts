import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolver, edited, issuesOf, load, validText, withColdStart } from './support.ts';
import { loadConfig } from '../../harness/config/index.ts';

describe('a valid configuration', () => {
  it('is resolved with every default filled in', async () => {
    const config = await load(validText);
    expect(config).toMatchObject({
      name: 'demo',
      seeds: [7, 8],
      baseline: 'recompute',
      cluster: {
        numInstances: 4,
        stagesPerGroup: 1,
        hardware: { name: 'a100-80gb', memoryBytes: 80 * 2 ** 30, weightsInHostMemory: false },
        faults: [],
      },
      engine: {
        preset: 'vllm-v1',
        rules: { admission: 'whole-prompt', prefill: 'chunked', promptBlocks: 'by-chunk' },
        blockSizeTokens: 16,
        maxRunning: 256,
        maxBatchTokens: 2048,
        watermarkRatio: 0,
      },
      execution: { mode: 'measure', verifyTokens: true, maxDurationUs: 3_600_000_000 },
      classes: [{ name: 'default', priority: 0, slo: { ttftUs: 500_000, tpotUs: 50_000 } }],
    });
    expect(config.model).toMatchObject({ name: 'tiny-llama', bytesPerWeight: 4, bytesPerKvElement: 4 });
    expect(config.workload).toHaveLength(1);
    expect(config.stacks[2]?.policies).toEqual([
      { use: 'least-loaded', params: { threshold: 0.5 } },
      { use: 'swap', params: { threshold: 0.9 } },
      { use: 'recompute', params: { threshold: 0.5 } },
    ]);
  });

  it.each([
    ['vllm-v1', { maxBatchTokens: 2048, watermarkRatio: 0 }],
    ['vllm-v0', { maxBatchTokens: 512, watermarkRatio: 0.01 }],
    ['vllm-0.1', { maxBatchTokens: 2560, watermarkRatio: 0.01 }],
  ])('has the limits of its engine, %s, where it gives no others', async (preset, limits) => {
    const text = `${validText}engine: { preset: ${preset} }\n`;
    const own = `${validText}engine: { preset: ${preset}, maxBatchTokens: 100, watermarkRatio: 0.2 }\n`;
    expect((await load(text)).engine).toMatchObject({ preset, maxRunning: 256, ...limits });
    expect((await load(own)).engine).toMatchObject({ maxBatchTokens: 100, watermarkRatio: 0.2 });
  });

  it('survives JSON, as a job for a worker process must', async () => {
    const { execution, ...config } = await load(validText);
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
    expect(execution.replayDir).toBeUndefined();
  });

  it('takes its name from the file', async () => {
    expect((await load(edited('name: demo\n', ''))).name).toBe('config');
  });

  it('applies the common targets to classes without their own and adds the class that sources use unnamed', async () => {
    const { classes } = await load(
      `${validText}classes: [{ name: batch, priority: -1 }, { name: chat, slo: {} }]\n`,
    );
    expect(classes).toEqual([
      { name: 'batch', priority: -1, slo: { ttftUs: 500_000, tpotUs: 50_000 } },
      { name: 'chat', priority: 0, slo: {} },
      { name: 'default', priority: 0, slo: { ttftUs: 500_000, tpotUs: 50_000 } },
    ]);
  });

  it('reads models and hardware written out in place, with units', async () => {
    const text = edited(
      'model: tiny-llama',
      `model:
  { numLayers: 2, hiddenSize: 64, numHeads: 2, numKvHeads: 1, headDim: 32, ffnSize: 128, vocabSize: 100, bytesPerWeight: 4 }`,
    ).replace(
      'a100-80gb',
      `{ memory: 24 MiB, reserve: 1000000, hostMemory: 1 GB, diskBandwidth: 8 Gbps, weightsInHostMemory: true,
    start: { provisioningS: { mean: 1.5, cv: 0.5 }, weightsFrom: host, warmUpS: 0.25, failureRatio: 0.1, backoffS: 2, maxBackoffS: 8 },
    remapMs: 5, migrationHandshakeMs: 2.5, hostLink: { bandwidth: 2 GB/s, latencyUs: 5 }, network: { bandwidth: 1e9, latencyUs: 5 },
    compute: { peak: 1 TFLOP/s, peakEfficiency: 0.5, memoryBandwidth: 10 GiB/s, layerOverheadUs: 1, stepOverheadUs: 2 } }`,
    );
    const { model, cluster } = await load(text);
    expect(model.ropeTheta).toBe(10_000);
    expect(cluster.hardware).toMatchObject({
      memoryBytes: 24 * 2 ** 20,
      reserveBytes: 1_000_000,
      hostMemoryBytes: 1e9,
      diskBytesPerSecond: 1e9,
      weightsInHostMemory: true,
      start: {
        provisioning: { meanUs: 1_500_000, cv: 0.5 },
        weightsFrom: 'host',
        warmUpUs: 250_000,
        failureRatio: 0.1,
        backoffUs: 2_000_000,
        maxBackoffUs: 8_000_000,
      },
      remapUs: 5000,
      migrationHandshakeUs: 2500,
      compute: {
        flopsPerSecond: 5e11,
        memoryBytesPerSecond: 10 * 2 ** 30,
        attention: { flopsPerSecond: 5e11, memoryBytesPerSecond: 10 * 2 ** 30, mixedDecodeRows: 1 },
        engineCpu: { stepUs: 0, sequenceUs: 0, overlapsDevice: false },
      },
    });
  });
});

describe('room to scale', () => {
  it('is what cluster.maxInstances says, and none where it is not given', async () => {
    expect((await load(validText)).cluster).toMatchObject({ numInstances: 4, maxInstances: 4 });
    const { cluster } = await load(edited('instances: 4', 'instances: 4, maxInstances: 9'));
    expect(cluster).toMatchObject({ numInstances: 4, maxInstances: 9 });
  });

  it('comes with a start that is exact, from disk and without failures, unless it says otherwise', async () => {
    const { cluster } = await load(withColdStart('{ provisioningS: 1 }'));
    expect(cluster.hardware.start).toEqual({
      provisioning: { meanUs: 1_000_000, cv: 0 },
      weightsFrom: 'disk',
      warmUpUs: 0,
      failureRatio: 0,
      backoffUs: 10_000_000,
      maxBackoffUs: 300_000_000,
    });
  });
});

describe('faults', () => {
  it('are given in seconds, in any order', async () => {
    const faults = 'faults: [{ instance: 3, atS: 2.5 }, { instance: 0, atS: 0 }]';
    const { cluster } = await load(edited('instances: 4', `instances: 4, ${faults}`));
    expect(cluster.faults).toEqual([
      { instance: 3, atUs: 2_500_000 },
      { instance: 0, atUs: 0 },
    ]);
  });
});

describe('--set and flags', () => {
  it('replace values, and flags win', async () => {
    const config = await load(validText, {
      overrides: [
        'engine.maxRunning=8',
        'workload.rate=2.5',
        'seed=3',
        'policies.extra=[round-robin, recompute]',
      ],
      flags: { seed: 11, repeats: 1, mode: 'simulate' },
    });
    expect(config.engine.maxRunning).toBe(8);
    expect(config.workload[0]).toMatchObject({ kind: 'poisson', rate: 2.5 });
    expect(config.seeds).toEqual([11]);
    expect(config.execution.mode).toBe('simulate');
    expect(config.stacks.map(({ name }) => name)).toEqual(['unlimited', 'recompute', 'swap', 'extra']);
  });

  it('reach into lists', async () => {
    const config = await load(validText, {
      overrides: ['policies.swap.1.params.threshold=0.1', 'policies.swap.0=round-robin'],
    });
    expect(config.stacks[2]?.policies.slice(0, 2)).toEqual([
      { use: 'round-robin', params: { threshold: 0.5 } },
      { use: 'swap', params: { threshold: 0.1 } },
    ]);
  });

  it('are named as the source of what is wrong with them', async () => {
    const overrides = [
      'engine.maxRuning=8',
      'seed=one',
      'model.numLayers=3',
      'nonsense',
      'slo=[',
      'policies.swap.7=recompute',
    ];
    const issues = await issuesOf(validText, { overrides, flags: { repeats: -1 } });
    expect(issues.map(({ source, message }) => [source, message])).toEqual([
      ['--set nonsense', 'expected a path and a value, as in engine.maxRunning=64, got "nonsense"'],
      ['--set slo=[', expect.stringContaining('not valid YAML') as string],
      ['--set model.numLayers=3', '"model" has no part "numLayers"'],
      ['--set policies.swap.7=recompute', '"policies.swap" has no part "7"'],
      ['--set seed=one', 'expected a number, got "one"'],
      ['--repeats -1', 'must be greater than 0, got -1'],
      ['--set engine.maxRuning=8', 'unknown key "maxRuning"'],
    ]);
    expect(issues.every(({ line }) => line === undefined)).toBe(true);
  });
});

/** Name and policies of the stacks that these flags add. */
async function added(...policies: string[]) {
  const { stacks } = await load(validText, { flags: { policies } });
  return stacks.slice(3).map((stack) => [stack.name, stack.policies.map(({ use }) => use)]);
}

const another = 'give it another name: --policy NAME=POLICY';
const pathRule =
  'a path is relative to the folder of the configuration, also in --set; in --policy to the working folder';

describe('--policy', () => {
  it('adds a dispatcher and a fallback where the policy has none', async () => {
    expect(await added('./mine.ts')).toEqual([['mine', ['least-loaded', './mine.ts', 'recompute']]]);
    expect(await added('round-robin')).toEqual([['round-robin', ['round-robin', 'recompute']]]);
  });

  it('is satisfied with a stack that the file has already', async () => {
    expect(await added('swap', 'unlimited')).toEqual([]);
  });

  it('takes paths from the working directory and keeps them relative to the configuration', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'servebench-spec-'));
    mkdirSync(join(cwd, 'configs'));
    writeFileSync(join(cwd, 'configs/demo.yaml'), validText);
    const flags = { policies: ['plugins/mine.ts'] };
    const config = await loadConfig({ file: 'configs/demo.yaml', resolver, cwd, flags });
    expect(config.stacks.at(-1)?.policies[1]?.use).toBe('../plugins/mine.ts');
  });

  it('says what is wrong with it', async () => {
    const issues = await issuesOf(validText, {
      flags: { policies: ['recomputed', './broken.ts', './mine.ts', 'x/mine.ts'] },
    });
    expect(issues.map(({ source, message, hint }) => [source, message, hint])).toEqual([
      ['--policy recomputed', 'there is no policy "recomputed"', 'did you mean "recompute"?'],
      ['--policy ./broken.ts', 'cannot be loaded: boom on line 3', undefined],
      ['--policy x/mine.ts', 'there is already a policy stack "mine"', another],
    ]);
  });

  it('takes a name for the stack and parameters, so that one policy can stand in a run twice', async () => {
    const policies = ['mine.ts?threshold=0.9', 'eager=mine.ts', 'keen=swap?threshold=1e-1', 'again=swap'];
    const { stacks } = await load(validText, { flags: { policies } });
    expect(stacks.slice(3).map(({ name, policies: uses }) => [name, uses[1]?.params])).toEqual([
      ['mine', { threshold: 0.9 }],
      ['eager', { threshold: 0.5 }],
      ['keen', { threshold: 0.1 }],
      ['again', { threshold: 0.5 }],
    ]);
  });

  it('names what is wrong with a name or a parameter', async () => {
    const policies = [
      'swap=swap?threshold=1',
      'a=swap?treshold=0.9',
      'b=swap?threshold=2',
      'c=swap?threshold=0.1&threshold=0.2',
      'd=swap?threshold',
      'e=swap?threshold=[',
      'f=./missing.ts',
      'f=swap',
      'f=round-robin',
      '?',
    ];
    const issues = await issuesOf(validText, { flags: { policies } });
    expect(issues.map(({ source, path, message, hint }) => [source.slice(9), path, message, hint])).toEqual([
      [policies[0], '', 'there is already a policy stack "swap"', another],
      [policies[1], 'params.treshold', 'unknown key "treshold"', 'did you mean "threshold"?'],
      [policies[2], 'params.threshold', expect.stringContaining('1'), undefined],
      [policies[3], 'threshold', 'the parameter is given twice', undefined],
      [
        policies[4],
        '',
        expect.stringMatching(/^expected a path and a value, .* got "threshold"$/),
        undefined,
      ],
      [policies[5], 'threshold', expect.stringMatching(/^not valid YAML/), undefined],
      [policies[6], '', expect.stringMatching(/^there is no file \/.*\/missing\.ts$/), pathRule],
      [policies[8], '', 'there is already a policy stack "f"', another],
      [policies[9], '', expect.stringMatching(/^expected a policy, as in/), undefined],
    ]);
  });

  it('names the file that a stack misses, and from where its path is read', async () => {
    const [issue] = await issuesOf(validText, { overrides: ['policies.swap=[least-loaded, ./missing.ts]'] });
    expect(issue).toMatchObject({ path: 'policies.swap.1', hint: pathRule });
    expect(issue?.message).toMatch(/^there is no file \/.*\/missing\.ts$/);
  });

  it('is enough where the file has no policies', async () => {
    const text = validText.slice(0, validText.indexOf('policies:'));
    expect((await load(text, { flags: { policies: ['swap'] } })).baseline).toBe('swap');
    expect((await issuesOf(text)).map(({ message }) => message)).toEqual(['there is no policy to run']);
  });
});
