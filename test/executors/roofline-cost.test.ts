import { describe, expect, it } from 'vitest';
import { situations } from '../../harness/conformance/situations.ts';
import { runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { MicroBatch } from '../../harness/core/executor.ts';
import type { ComputeProfile, Hardware, TensorParallelProfile } from '../../harness/domain/hardware.ts';
import { MemorylessExecutor } from '../../harness/executors/memoryless.ts';
import { type StepShape, RooflineCost } from '../../harness/executors/roofline-cost.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from '../core/policy-of.ts';
import { readHardware, readModel } from '../validate/vllm/measured-runs.ts';
import { decoding, prefilling, together } from './steps.ts';

function stepMs(modelName: string, hardware: Hardware, step: StepShape): number {
  const model = readModel(modelName);
  const stage = { layers: { first: 0, count: model.numLayers }, isLast: true };
  return new RooflineCost(model, hardware).stepUs(step, stage) / 1000;
}

describe('a step on the hardware of the catalog takes what was measured, within 10 %:', () => {
  // Vidur's profiled layers on an A100, the KV that they read, the engine's processor time.
  const onA100: [string, StepShape, number][] = [
    ['llama-7b', decoding(32, 1024), 26],
    ['llama-7b', decoding(64, 1024), 37],
    ['llama-7b', decoding(128, 1024), 62],
    ['llama-7b', prefilling(2048), 141],
    ['qwen-2.5-14b', decoding(32, 1024), 29],
    ['qwen-2.5-14b', decoding(64, 1024), 34],
    ['qwen-2.5-14b', decoding(128, 1024), 48],
    ['qwen-2.5-14b', prefilling(2048), 267],
  ];
  const others: [string, string, StepShape, number][] = [
    // Vidur's layers and the KV, before the engine's processor time of 3 ms.
    ['llama-7b', 'a10-24gb', decoding(8, 200), 31 + 3],
    // Llumnix, on vLLM 0.1.7.
    ['llama-7b', 'a10-24gb-vllm-0.1', decoding(8, 200), 45],
    // KunServe, on vLLM 0.6.3: 58 % of 243,000 tokens.
    ['qwen-2.5-14b', 'a800-80gb-vllm-0.6', decoding(140, 1007), 60],
  ];
  const cases = [
    ...['a100-80gb', 'a800-80gb'].flatMap((hardware) =>
      onA100.map(([model, step, ms]) => ({ model, hardware, step, ms })),
    ),
    ...others.map(([model, hardware, step, ms]) => ({ model, hardware, step, ms })),
  ];

  it.each(cases)('$model on $hardware, $step.totalTokens tokens: $ms ms', ({ model, hardware, step, ms }) => {
    expect(Math.abs(stepMs(model, readHardware(hardware), step) / ms - 1)).toBeLessThan(0.1);
  });
});

const a100 = readHardware('a100-80gb');

function withCompute(change: Partial<ComputeProfile>): Hardware {
  return { ...a100, compute: { ...a100.compute, ...change } };
}

const noCpu = { stepUs: 0, sequenceUs: 0, overlapsDevice: false };

describe('the terms of a step', () => {
  const device = withCompute({
    engineCpu: noCpu,
    attention: { ...a100.compute.attention, mixedDecodeRows: 1 },
  });

  it('add: KV that decoding requests read is not hidden behind a prefill that computes', () => {
    const first = prefilling(2000);
    const kvMs = (48_000 * 131_072) / (2039e9 * 0.75 * 1e-3);
    const addedMs =
      stepMs('llama-3.1-8b', device, together(first, decoding(48, 1000))) -
      stepMs('llama-3.1-8b', device, together(first, decoding(48, 1)));
    expect(addedMs / kvMs).toBeCloseTo(1, 2);
  });

  it('give attention its own rates: a long past costs what its pairs and its KV do', () => {
    const [chunk, past] = [512, 30_000];
    const pairsMs = (4 * 4096 * chunk * past * 32) / (312e12 * 0.4 * 1e-3);
    const kvMs = (past * 131_072) / (2039e9 * 0.75 * 1e-3);
    const addedMs =
      stepMs('llama-3.1-8b', device, prefilling(chunk, past)) -
      stepMs('llama-3.1-8b', device, prefilling(chunk));
    expect(addedMs / (pairsMs + kvMs)).toBeCloseTo(1, 2);
  });

  it('are least where the roofline has its slopes, and meet smoothly between them', () => {
    const rates = { ...withCompute({ engineCpu: noCpu, layerOverheadUs: 0, stepOverheadUs: 0 }) };
    const weightsMs = (readModelBytes() / (2039e9 * 0.8)) * 1e3;
    expect(stepMs('llama-3.1-8b', rates, prefilling(1)) / weightsMs).toBeCloseTo(1, 1);
    const tokens = [16, 32, 64, 128, 256, 512];
    const times = tokens.map((count) => stepMs('llama-3.1-8b', rates, prefilling(count)));
    // Never more than twice the time for twice the tokens, never less.
    for (const [index, ms] of times.slice(1).entries()) {
      expect(ms).toBeGreaterThan(times[index] as number);
      expect(ms).toBeLessThan(2 * (times[index] as number));
    }
  });

  it('compute a whole tile of queries for each request that decodes beside a prefill, where one kernel serves both', () => {
    const tiles = withCompute({ engineCpu: noCpu });
    const alone = decoding(64, 2000);
    expect(stepMs('llama-3.1-8b', tiles, alone)).toBe(stepMs('llama-3.1-8b', device, alone));
    const mixed = together(alone, prefilling(100));
    const rowsMs = (64 * 2000 * 64 * 4 * 4096 * 32) / (312e12 * 0.4 * 1e-3);
    const kvMs = (64 * 2000 * 131_072) / (2039e9 * 0.75 * 1e-3);
    const addedMs = stepMs('llama-3.1-8b', tiles, mixed) - stepMs('llama-3.1-8b', device, mixed);
    expect(addedMs / (rowsMs - kvMs)).toBeCloseTo(1, 2);
  });

  it("hold the engine's processor time: before the device's, or hidden behind it", () => {
    const step = decoding(50, 100);
    const deviceMs = stepMs('llama-3.1-8b', device, step);
    const at = (stepUs: number, overlapsDevice: boolean) =>
      stepMs('llama-3.1-8b', withCompute({ engineCpu: { stepUs, sequenceUs: 20, overlapsDevice } }), step);
    expect(at(2000, false)).toBeCloseTo(deviceMs + 2 + 1, 2);
    expect(at(2000, true)).toBe(deviceMs);
    expect(at(80_000, true)).toBeCloseTo(81, 2);
  });
});

/** Weights that a step reads: all but the embedding. */
function readModelBytes(): number {
  const { numLayers, hiddenSize, vocabSize, ffnSize } = readModel('llama-3.1-8b');
  return 2 * (numLayers * (hiddenSize * 128 * 80 + 3 * hiddenSize * ffnSize) + vocabSize * hiddenSize);
}

function over(tensorParallel: TensorParallelProfile | undefined): Hardware {
  return { ...withCompute({ engineCpu: noCpu }), tensorParallel };
}

const prefill = prefilling(2048);

/** What the link adds to a prefill. */
function costMs(tensorParallel: TensorParallelProfile): number {
  const free = { ...tensorParallel, link: { bytesPerSecond: Infinity, latencyUs: 0 } };
  return stepMs('llama-3.1-8b', over(tensorParallel), prefill) - stepMs('llama-3.1-8b', over(free), prefill);
}

describe('tensor parallelism', () => {
  const nvLink = { devices: 2, link: { bytesPerSecond: 240e9, latencyUs: 10 } };
  const pcie = { devices: 2, link: { bytesPerSecond: 24e9, latencyUs: 20 } };

  it('costs two all-reduces a layer: their bytes in a ring, and their latency', () => {
    const bytes = 2048 * 4096 * 2;
    expect(costMs(pcie)).toBeCloseTo(64 * ((bytes / 24e9) * 1e3 + 0.02), 1);
    const four = { devices: 4, link: pcie.link };
    expect(costMs(four)).toBeCloseTo(64 * ((1.5 * bytes * 1e3) / 24e9 + 0.02), 1);
  });

  it('is far slower over PCIe than over NVLink, and over neither as fast as twice the device', () => {
    const [oneMs, nvLinkMs, pcieMs] = [undefined, nvLink, pcie].map((link) =>
      stepMs('llama-3.1-8b', over(link), prefill),
    ) as [number, number, number];
    expect(nvLinkMs).toBeGreaterThan(oneMs / 2);
    expect(nvLinkMs).toBeLessThan(0.6 * oneMs);
    expect(pcieMs).toBeGreaterThan(1.4 * nvLinkMs);
  });

  it('makes an instance of several devices of one', () => {
    const one = readHardware('h800-80gb');
    const four = readHardware('h800-80gb-tp4');
    expect(four.compute).toEqual(one.compute);
    expect(four.memoryBytes).toBe(4 * one.memoryBytes);
    expect(four.hostLink.bytesPerSecond).toBe(4 * one.hostLink.bytesPerSecond);
    const step = decoding(64, 1024);
    const speedUp = stepMs('qwen-2.5-14b', one, step) / stepMs('qwen-2.5-14b', four, step);
    expect(speedUp).toBeGreaterThan(1.5);
    expect(speedUp).toBeLessThan(3);
  });
});

/** Counts what a batch says of itself from its entries. */
class CountingExecutor extends MemorylessExecutor {
  readonly promptTokens: readonly number[];
  numDecoding = 0;

  constructor(promptTokens: readonly number[]) {
    super();
    this.promptTokens = promptTokens;
  }

  override runStage(batch: MicroBatch): number {
    let context = 0;
    for (let index = 0; index < batch.size; index += 1) {
      const past = batch.pastTokens[index] as number;
      const isNext = batch.samples[index] === 1 && batch.numTokens[index] === 1;
      if (isNext && past >= (this.promptTokens[batch.requestIds[index] as number] as number))
        context += past + 1;
    }
    expect(batch.decodeContextTokens).toBe(context);
    this.numDecoding += context > 0 ? 1 : 0;
    return 100 + batch.totalTokens;
  }

  /** All KV is where the stages run. */
  override attentionUs(): number {
    throw new Error('nothing is elsewhere');
  }
}

/** Gives up the oldest request, which stands in the batch that is being formed. */
const oldestFirst = policyOf({
  onMemoryPressure: ({ running }) => {
    const victim = running.at(0);
    return victim && [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason: 'test' }];
  },
});

describe('a batch', () => {
  it.each(['serves an overload of its memory', 'serves a pipeline', 'serves a calm load'] as const)(
    'knows the KV of its decoding entries when it %s',
    (name) => {
      const situation = situations[name];
      const executor = new CountingExecutor(situation.specs.map(({ promptTokens }) => promptTokens));
      const onPressure = [oldestFirst, policies.recompute];
      runTiny({ ...situation, executor, policies: [policies['least-loaded'], ...onPressure] });
      expect(executor.numDecoding).toBeGreaterThan(20);
    },
  );
});
