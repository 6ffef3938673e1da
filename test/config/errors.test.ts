import { describe, expect, it } from 'vitest';
import * as fc from '../fast-check.ts';
import { edited, issuesOf, validText, withColdStart } from './support.ts';
import { InputError } from '../../harness/base/errors.ts';
import { loadConfig } from '../../harness/config/index.ts';
import { resolver } from './support.ts';

/** `line:column path: message (hint)` of every issue. */
async function complaints(text: string): Promise<readonly string[]> {
  return (await issuesOf(text)).map(({ line, column, path, message, hint }) => {
    return `${line}:${column} ${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
  });
}

describe('one mistake', () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['unknown key', 'seed: 7', 'sead: 7', '2:1 sead: unknown key "sead" (did you mean "seed"?)'],
    [
      'unknown nested key',
      'instances: 4,',
      'instances: 4, stages: 2,',
      '5:26 cluster.stages: unknown key "stages" (did you mean "stagesPerGroup"?)',
    ],
    ['wrong type', 'seed: 7', 'seed: seven', '2:7 seed: expected a number, got "seven"'],
    ['not whole', 'repeats: 2', 'repeats: 2.5', '3:10 repeats: expected a whole number, got 2.5'],
    ['missing key', 'instances: 4, ', '', '5:10 cluster.instances: is missing, expected a number'],
    ['negative rate', 'rate: 5', 'rate: -5', '8:9 workload.rate: must be greater than 0, got -5'],
    [
      'unknown engine',
      'seed: 7',
      'engine: { preset: vllm-v2 }',
      '2:19 engine.preset: expected one of "vllm-v1", "vllm-v0", "vllm-0.1", got "vllm-v2" (did you mean "vllm-v1"?)',
    ],
    [
      'an admission that the engine does not have',
      'seed: 7',
      'engine: { preset: vllm-v0, admission: first-chunk }',
      '2:39 engine.admission: "first-chunk" needs preset "vllm-v1"; older engines take all of a prompt\'s blocks when they admit it',
    ],
    [
      'load reports of no kind',
      'instances: 4,',
      'instances: 4, loadReports: per_step,',
      '5:39 cluster.loadReports: expected one of "live", "per-step", got "per_step" (did you mean "per-step"?)',
    ],
    [
      'load reports by a key that is none',
      'instances: 4,',
      'instances: 4, loadReports: { everyMs: 5, every: 5 },',
      '5:53 cluster.loadReports.every: unknown key "every" (did you mean "everyMs"?)',
    ],
    [
      'load reports too often',
      'instances: 4,',
      'instances: 4, loadReports: { everyMs: 0 },',
      '5:50 cluster.loadReports.everyMs: must be greater than or equal to 0.001, got 0',
    ],
    [
      'unknown model',
      'model: tiny-llama',
      'model: tiny-lama',
      '4:8 model: there is no model "tiny-lama" in configs/models (did you mean "tiny-llama"?)',
    ],
    [
      'unknown hardware',
      'a100-80gb',
      'a100',
      '5:36 cluster.hardware: there is no hardware "a100" in configs/hardware (did you mean "a100-80gb"?)',
    ],
    [
      'unknown kind',
      'kind: poisson',
      'kind: poison',
      '7:9 workload.kind: expected one of "burst", "chain-of-thought", "closed-loop", "gamma", "poisson", "ramp", "trace", "weibull", got "poison" (did you mean "poisson"?)',
    ],
    [
      'unknown policy',
      'unlimited]',
      'unlimitd]',
      '14:29 policies.unlimited.1: there is no policy "unlimitd" (did you mean "unlimited"?)',
    ],
    [
      'unknown parameter',
      'threshold: 0.9',
      'treshold: 0.9',
      '16:47 policies.swap.1.params.treshold: unknown key "treshold" (did you mean "threshold"?)',
    ],
    [
      'parameter out of range',
      'threshold: 0.9',
      'threshold: 9',
      '16:58 policies.swap.1.params.threshold: must be less than or equal to 1, got 9',
    ],
    [
      'broken plug-in',
      'unlimited]',
      './broken.ts]',
      '14:29 policies.unlimited.1: cannot be loaded: boom on line 3',
    ],
    [
      'no dispatcher',
      '[least-loaded, unlimited]',
      '[unlimited]',
      '14:3 policies.unlimited: no policy of the stack "unlimited" dispatches requests (put least-loaded in front)',
    ],
    [
      'empty stack',
      '[least-loaded, unlimited]',
      '[]',
      '14:14 policies.unlimited: must have at least 1 entry',
    ],
    [
      'stack of the wrong kind',
      '[least-loaded, unlimited]',
      'swap',
      '14:14 policies.unlimited: expected a list, got "swap"',
    ],
    [
      'use of the wrong kind',
      'unlimited]',
      '5]',
      '14:29 policies.unlimited.1: expected a text or a mapping, got 5',
    ],
    [
      'stack name',
      '  unlimited:',
      '  "un limited":',
      '14:3 policies.un limited: the name of a stack is a letter, then letters, digits, - and _',
    ],
    ['duplicate stack', '  swap:', '  recompute:', '16:3 : the key "recompute" stands twice in one mapping'],
    [
      'mode',
      'seed: 7',
      'execution: { mode: mesure }',
      '2:20 execution.mode: expected one of "measure", "simulate", "replay", got "mesure" (did you mean "measure"?)',
    ],
    [
      'replay without a folder',
      'seed: 7',
      'execution: { mode: replay }',
      '2:20 execution.mode: replay needs execution.replayDir, the results folder of a measured run',
    ],
    [
      'replay of a missing folder',
      'seed: 7',
      'execution: { mode: replay, replayDir: gone }',
      '2:39 execution.replayDir: there is no folder "gone" (paths are relative to the configuration file)',
    ],
    [
      'unknown class',
      'rate: 5',
      'class: chat\n  rate: 5',
      '8:10 workload.class: the class "chat" is not declared in classes (there are none)',
    ],
    [
      'unknown class among the others',
      'rate: 5',
      'otherClasses: { defualt: 0.1 }\n  rate: 5',
      '8:28 workload.otherClasses.defualt: the class "defualt" is not declared in classes (did you mean "default"?)',
    ],
    [
      'duplicate class',
      'seed: 7',
      'classes: [{ name: a }, { name: a }]',
      '2:32 classes.1.name: the class "a" is declared twice',
    ],
    [
      'unknown baseline',
      'seed: 7',
      'baseline: swapp',
      '2:11 baseline: there is no policy stack "swapp" (did you mean "swap"?)',
    ],
    [
      'threshold',
      'seed: 7',
      'thresholds: ["swap.p99_ttft_ms < 2 * recomput.p99_ttft_ms"]',
      '2:14 thresholds.0: there is no policy "recomput" (did you mean "recompute"?)',
    ],
    [
      'pipeline',
      'instances: 4',
      'stagesPerGroup: 3, instances: 4',
      '5:28 cluster.stagesPerGroup: 4 instances cannot form groups of 3; expected a divisor',
    ],
    [
      'more stages than layers',
      'instances: 4',
      'stagesPerGroup: 8, instances: 8',
      '5:28 cluster.stagesPerGroup: 8 stages cannot share the 4 layers of tiny-llama',
    ],
    [
      'budget below the start',
      'instances: 4',
      'maxInstances: 3, instances: 4',
      '5:26 cluster.maxInstances: 3 instances at most, and 4 at the start; expected 4 or more',
    ],
    [
      'budget misspelt',
      'instances: 4',
      'maxInstance: 8, instances: 4',
      '5:12 cluster.maxInstance: unknown key "maxInstance" (did you mean "maxInstances"?)',
    ],
    [
      'fault of no instance',
      'instances: 4',
      'faults: [{ instance: 4, atS: 1 }], instances: 4',
      '5:33 cluster.faults.0.instance: there is no instance 4; expected 0 to 3',
    ],
    [
      'fault twice',
      'instances: 4',
      'faults: [{ instance: 1, atS: 1 }, { instance: 1, atS: 2 }], instances: 4',
      '5:58 cluster.faults.1.instance: instance 1 fails twice; expected each at most once',
    ],
    [
      'no survivor',
      'instances: 4',
      'faults: [{ instance: 0, atS: 1 }, { instance: 1, atS: 1 }], instances: 2',
      '5:20 cluster.faults: all of the 2 instances fail; expected at least one to survive',
    ],
    [
      'fault in the past',
      'instances: 4',
      'faults: [{ instance: 0, atS: -1 }], instances: 4',
      '5:41 cluster.faults.0.atS: must be greater than or equal to 0, got -1',
    ],
    [
      '16-bit model measured',
      'tiny-llama',
      'llama-7b',
      '4:8 model: TensorFlow runs float32 here, and llama-7b has 2 bytes a weight (set bytesPerWeight: 4, or execution.mode: simulate)',
    ],
    [
      'model too large',
      'model: tiny-llama',
      'execution: { mode: simulate }\nmodel: qwen-2.5-72b',
      '5:8 model: qwen-2.5-72b does not fit a100-80gb: 135.4 GiB of weights and 8.0 GiB of reserve leave no KV memory of 80.0 GiB (take larger hardware, a smaller model or more cluster.stagesPerGroup)',
    ],
    [
      'missing trace',
      'kind: poisson',
      'kind: trace\n  path: gone.csv\n  format: azure',
      '8:9 workload.path: there is no trace "gone.csv" (paths are relative to the configuration file)',
    ],
  ];

  it.each(cases)('%s', async (_, from, to, expected) => {
    const text = edited(from, to);
    const lines = to.includes('kind: trace') ? text.replaceAll(/ {2}(rate|durationS): .*\n/g, '') : text;
    expect(await complaints(lines)).toEqual([expected]);
  });

  it.each([
    [
      'weights from a host that keeps none',
      '{ provisioningS: 1, weightsFrom: host }',
      '6:43 cluster.hardware.start.weightsFrom: "host" needs weightsInHostMemory: true; expected "disk" or "peer" without it',
    ],
    [
      'weights from nowhere',
      '{ provisioningS: 1, weightsFrom: hosts }',
      '6:43 cluster.hardware.start.weightsFrom: expected one of "disk", "host", "peer", got "hosts" (did you mean "host"?)',
    ],
    [
      'back-off beyond its maximum',
      '{ provisioningS: 1, backoffS: 20, maxBackoffS: 15 }',
      '6:40 cluster.hardware.start.backoffS: must be less than or equal to maxBackoffS, which is 300 where it is not given',
    ],
    [
      'every start fails',
      '{ provisioningS: 1, failureRatio: 1 }',
      '6:44 cluster.hardware.start.failureRatio: must be less than 1, got 1',
    ],
    [
      'provisioning without a mean',
      '{ provisioningS: { cv: 1 } }',
      '6:27 cluster.hardware.start.provisioningS.mean: is missing, expected a number',
    ],
  ])('a cold start: %s', async (_, start, expected) => {
    expect(await complaints(withColdStart(start))).toEqual([expected]);
  });

  it('a request that can never fit', async () => {
    const [issue, ...others] = await complaints(edited('max: 90', 'max: 90000000'));
    expect(issue).toMatch(
      /^7:3 workload: the longest request has 90000020 tokens, and tiny-llama on a100-80gb keeps/,
    );
    expect(others).toEqual([]);
  });

  it('a fault whose survivors could not hold the model', async () => {
    const text = edited('instances: 4', 'stagesPerGroup: 2, faults: [{ instance: 0, atS: 1 }], instances: 4')
      .replace('model: tiny-llama', 'execution: { mode: simulate }\nmodel: qwen-2.5-72b')
      .replace('a100-80gb', 'h800-80gb');
    expect(await complaints(text)).toEqual([
      '6:39 cluster.faults: survivors of a group serve alone, and qwen-2.5-72b does not fit one h800-80gb (take hardware that holds the whole model, or no faults)',
    ]);
  });

  it('a missing file, with the nearest name', async () => {
    const failure = loadConfig({ file: 'configs/brust.yaml', resolver, cwd: `${import.meta.dirname}/../..` });
    await expect(failure).rejects.toThrow(
      'configs/brust.yaml: there is no such file (did you mean "burst.yaml"?)',
    );
    await expect(failure).rejects.toBeInstanceOf(InputError);
  });

  it('an empty file, and one that is no YAML', async () => {
    expect(await complaints('')).toEqual(['1:1 : expected a mapping, got nothing']);
    expect((await complaints('model: [1, 2\npolicies: {'))[0]).toMatch(/^2:1 : not valid YAML: /);
  });
});

it('shows everything that is wrong at once, from top to bottom', async () => {
  const text = validText
    .replace('seed: 7', 'sead: 7')
    .replace('model: tiny-llama', 'model: tiny-lama')
    .replace('instances: 4', 'instances: none')
    .replace('rate: 5', 'rate: 0')
    .replace('dist: constant', 'dist: constnt')
    .replace('least-loaded, unlimited', 'least-loaded, unlimitd')
    .replace('threshold: 0.9', 'treshold: 0.9')
    .concat('thresholds: ["swap.p99 < 3", "swap.failed =< 0"]\n');
  const issues = await issuesOf(text);
  expect(issues.map(({ path }) => path)).toEqual([
    'sead',
    'model',
    'cluster.instances',
    'workload.rate',
    'workload.outputTokens.dist',
    'policies.unlimited.1',
    'policies.swap.1.params.treshold',
    'thresholds.0',
    'thresholds.1',
  ]);
  expect(issues.map(({ line }) => line)).toEqual([2, 4, 5, 8, 11, 14, 16, 17, 17]);
});

it('names every unknown key, wherever it stands', async () => {
  const key = fc.stringMatching(/^[a-z]{3,8}Zz$/);
  await fc.assert(
    fc.asyncProperty(
      key,
      fc.constantFrom('seed: 7', 'instances: 4', 'rate: 5', 'dist: uniform', 'ttftMs: 500'),
      async (name, place) => {
        const isBlock = place === 'seed: 7' || place === 'rate: 5';
        const text = edited(
          place,
          isBlock ? `${place}\n${place === 'rate: 5' ? '  ' : ''}${name}: 1` : `${place}, ${name}: 1`,
        );
        const issues = await issuesOf(text);
        expect(issues).toHaveLength(1);
        expect(issues[0]?.message).toBe(`unknown key "${name}"`);
        const line = text.split('\n')[issues[0]!.line! - 1]!;
        expect(line.slice(issues[0]!.column! - 1)).toMatch(new RegExp(`^${name}: 1`));
      },
    ),
    { numRuns: 60 },
  );
});
