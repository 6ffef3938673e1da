import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId, type InstanceId } from '../../harness/domain/ids.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware, tinyModel } from '../../harness/conformance/tiny-hardware.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../../harness/core/executor.ts';
import { ownAttention } from '../../harness/core/kv/remote-attention.ts';
import { StepBatch } from '../../harness/core/state/step-batch.ts';
import { KvLayout } from '../../harness/core/state/kv-layout.ts';
import { MemorylessExecutor } from '../../harness/executors/memoryless.ts';
import { SimulatedExecutor } from '../../harness/executors/simulated.ts';
import { policies } from '../../policies/index.ts';
import { drop, scripted } from './scripted.ts';

const { 'round-robin': roundRobin, recompute } = policies;

const attentionUs = 300;
const dropAtUs = 20_000;

/** A stage takes 0.7 ms for each request, and attention on another instance's KV 0.3 ms; keeps what it was asked. */
class PlainExecutor extends MemorylessExecutor {
  readonly attended: { readonly asker: InstanceId; readonly remote: RemoteAttention }[] = [];
  stagesUs = 0;

  override runStage({ size }: MicroBatch): number {
    this.stagesUs += 700 * size;
    return 700 * size;
  }

  get expectedBusyUs(): number {
    return this.stagesUs + this.attended.length * attentionUs;
  }

  override attentionUs(_batch: MicroBatch, stage: Stage, remote: RemoteAttention): number {
    this.attended.push({ asker: stage.instanceId, remote });
    return attentionUs;
  }
}

/** Three requests decode, two on one instance and one on the other, when these merge; their KV stays where it is. */
function run(executor = new PlainExecutor()): { seen: Collector; executor: PlainExecutor } {
  const { seen } = runTiny({
    specs: [0, 1, 2].map((id) => request(id, 0, 30, 60)),
    policies: [scripted([drop(dropAtUs, [0, 1], { kind: 'remote-attention' })]), roundRobin, recompute],
    numInstances: 2,
    executor,
    hardware: { network: { bytesPerSecond: 1e9, latencyUs: 2 } },
  });
  expect(seen.requests.map(({ status }) => status)).toEqual(Array(3).fill('finished'));
  return { seen, executor };
}

/** Busy time of all instances together. */
function busyUs({ samples }: Collector): number {
  return samples.reduce((sum, sample) => sum + sample.busyUs, 0);
}

describe('attention where the KV is', () => {
  it('is asked of the owner, for the layers of the stage, once for each stage of a micro-batch', () => {
    const { executor } = run();
    expect(executor.attended.length).toBeGreaterThan(20);
    for (const { asker, remote } of executor.attended) {
      expect(remote.ownerId).toBe(1 - asker);
      expect(remote.numLayers).toBe(2);
      expect([2, 4]).toContain(remote.tokenLayers);
      expect(remote.pairLayers).toBe(remote.contextLayers);
      expect(remote.decodeContextLayers).toBe(remote.contextLayers);
      expect(remote.contextLayers).toBeGreaterThan(remote.tokenLayers * 30);
    }
  });

  it('takes the time of the owner, and no time of the stage that asks', () => {
    const { seen, executor } = run();
    // Nothing is computed twice, and nothing goes uncounted.
    expect(busyUs(seen)).toBe(executor.expectedBusyUs);
    const remoteAttentionUs = seen.stages.map(
      ({ startedAtUs, endedAtUs, numRequests }) => endedAtUs - startedAtUs - 700 * numRequests,
    );
    // Where a stage of its own is under way, that takes longer by the attention, or by what is left of it.
    expect(Math.min(...remoteAttentionUs)).toBe(0);
    expect(Math.max(...remoteAttentionUs)).toBeGreaterThan(0);
    expect(remoteAttentionUs.every((us) => us <= 2 * attentionUs)).toBe(true);
  });

  it('keeps the stage that asks waiting: there, at the owner, and back', () => {
    const { seen } = run();
    const transfers = seen.transfers.filter(({ kind }) => kind === 'attention');
    expect(transfers.length % 2).toBe(0);
    for (const back of transfers.filter((_, index) => index % 2 === 1)) {
      const there = transfers.findLast(
        ({ source, target, endedAtUs }) =>
          source === back.target && target === back.source && endedAtUs <= back.requestedAtUs,
      );
      expect(back.requestedAtUs - (there?.endedAtUs ?? 0)).toBeGreaterThanOrEqual(attentionUs);
    }
  });

  it('is served in order of request when several ask the same owner', () => {
    const specs = [0, 1, 2].flatMap((id) => [request(id, 0, 30, 60), request(10 + id, 0, 30, 60)]);
    const executor = new PlainExecutor();
    const { seen } = runTiny({
      specs,
      policies: [scripted([drop(dropAtUs, [0, 1, 2], { kind: 'remote-attention' })]), roundRobin, recompute],
      numInstances: 3,
      executor,
    });
    expect(busyUs(seen)).toBe(executor.expectedBusyUs);
    const backs = seen.transfers.filter(({ kind }) => kind === 'attention');
    const owners = new Map<number | string, number[]>();
    for (const { source, requestedAtUs } of backs)
      owners.set(source, [...(owners.get(source) ?? []), requestedAtUs]);
    expect(new Set(owners.keys())).toEqual(new Set([0, 1, 2]));
    const durationUs = Math.max(...seen.stages.map(({ endedAtUs }) => endedAtUs));
    for (const instance of [0, 1, 2]) {
      const used = seen.samples.filter((sample) => sample.instanceId === instance);
      // One thing at a time.
      expect(used.reduce((sum, sample) => sum + sample.busyUs, 0)).toBeLessThanOrEqual(durationUs);
    }
  });
});

const layers = { first: 0, count: tinyModel.numLayers };
const stage: Stage = { instanceId: asInstanceId(0), stageIndex: 0, layers, isFirst: true, isLast: false };

/** Sixteen requests decode after so many tokens each; `numRemote` of them have their KV on instance 1. */
function batchOf(pastTokens: number, numRemote: number): MicroBatch {
  const size = 16;
  const each = Array.from({ length: size }, (_, index) => index);
  const contextTokens = pastTokens + 1;
  const numLayers = layers.count;
  const remote = {
    ownerId: asInstanceId(1),
    numLayers,
    tokenLayers: numRemote * numLayers,
    pairLayers: numRemote * contextTokens * numLayers,
    contextLayers: numRemote * contextTokens * numLayers,
    decodeContextLayers: numRemote * contextTokens * numLayers,
  };
  const placement = [{ instanceId: asInstanceId(1), layers }];
  return {
    id: 0,
    size,
    requestIds: each.map(asRequestId),
    numTokens: each.map(() => 1),
    pastTokens: each.map(() => pastTokens),
    samples: each.map(() => 1),
    totalTokens: size,
    attentionPairs: size * contextTokens,
    contextTokens: size * contextTokens,
    decodeContextTokens: size * contextTokens,
    numRemote,
    placements: each.map((index) => (index < numRemote ? placement : undefined)),
    remote: numRemote === 0 ? [] : [remote],
  };
}

describe('what the simulator charges', () => {
  const executor = new SimulatedExecutor(tinyModel);
  for (const instance of [0, 1])
    executor.startInstance(asInstanceId(instance), stage.layers, 20, tinyHardware(20));
  const remoteUs = (batch: MicroBatch): number =>
    batch.remote.reduce((sum, each) => sum + executor.attentionUs(batch, stage, each), 0);

  it('is the same together, wherever the KV is', () => {
    const local = executor.runStage(batchOf(500, 0), stage);
    for (const numRemote of [1, 7, 16]) {
      const batch = batchOf(500, numRemote);
      const asked = executor.runStage(batch, stage);
      expect(asked).toBeLessThan(local);
      expect(Math.abs(asked + remoteUs(batch) - local)).toBeLessThanOrEqual(1);
    }
  });

  it('leaves the stage that asks nothing of the attention that is all elsewhere', () => {
    const elsewhere = batchOf(500, 16);
    const longer = batchOf(1000, 16);
    expect(executor.runStage(longer, stage)).toBe(executor.runStage(elsewhere, stage));
    expect(remoteUs(longer) / remoteUs(elsewhere)).toBeCloseTo(1001 / 501);
  });
});

it('attention that is all elsewhere leaves exactly nothing to the stage, however many owners share its layers', () => {
  const numLayers = 7;
  const hooks = { stageEnded: () => undefined, stepEnded: () => undefined };
  for (let pairs = 1; pairs < 200; pairs += 1) {
    const batch = new StepBatch(new KvLayout([]), hooks);
    batch.attentionPairs = pairs + 1000;
    batch.decodeContextTokens = 1000;
    batch.contextTokens = 1000 + pairs;
    batch.remote = [1, 2, 4].map((count, owner) => ({
      ownerId: asInstanceId(owner),
      numLayers: count,
      tokenLayers: count,
      pairLayers: pairs * count,
      contextLayers: pairs * count,
      decodeContextLayers: 0,
    }));
    const own = ownAttention(batch, { layers: { first: 0, count: numLayers } });
    expect(own).toEqual({ attentionPairs: 1000, contextTokens: 1000, decodeContextTokens: 1000 });
  }
});
