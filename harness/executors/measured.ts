import type { DeviceTensor, TensorflowBackend } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import { ownWorkTimer, type WorkTimer, wallTimer } from '../base/work-timer.ts';
import type { InstanceId, RequestId } from '../domain/ids.ts';
import { holdsLayer, type LayerRange, type ModelShape } from '../domain/model-shape.ts';
import type { RequestSpec } from '../domain/workload.ts';
import { Beat } from '../model/beat.ts';
import { ModelInstance } from '../model/model-instance.ts';
import { type BatchEntry, firstRows, type PlacedKv } from '../model/step-plan.ts';
import { RemoteClock } from '../model/remote-clock.ts';
import { TensorOps } from '../model/tensor-ops.ts';
import { warmUp } from '../model/warm-up.ts';
import { WeightStore } from '../model/weight-store.ts';
import { copyWeights, type LayerWeights } from '../model/weights.ts';
import type {
  Executor,
  ExecutorAudit,
  KvPlacement,
  KvStore,
  MicroBatch,
  RemoteAttention,
  Stage,
  WeightSource,
} from '../core/executor.ts';
import { HostKv } from './measured-host-kv.ts';
import { copyKvPages, type MeasuredInstance } from './measured-kv-copy.ts';
import { type TokenOwners, type Transcript, TranscriptBook } from './measured-requests.ts';

/** An entry with the id by which the core knows its request. */
interface RequestEntry extends BatchEntry {
  readonly requestId: RequestId;
}

export interface MeasuredOptions {
  readonly backend: TensorflowBackend;
  readonly shape: ModelShape;
  /** Seed of the weights and of the prompts' token ids. */
  readonly seed: number;
  readonly blockSizeTokens: number;
}

/**
 * What a micro-batch passes from one stage to the next: the hidden state, and which instances have run which
 * layers.
 */
interface Passage {
  readonly hidden: DeviceTensor;
  readonly owners: TokenOwners;
}

/**
 * Runs every step on TensorFlow and tells the time that it took. All instances share one device, but each
 * has its own weights and KV memory, and moves between them are real copies. Only one runs at a time, so they
 * do not disturb each other.
 */
export class MeasuredExecutor implements Executor {
  readonly #options: MeasuredOptions;
  readonly #ops: TensorOps;
  /** The disk and the host memory from which weights are loaded. */
  readonly weights: WeightStore;
  readonly #instances = new Map<InstanceId, MeasuredInstance>();
  readonly #transcripts: TranscriptBook;
  /** State of each micro-batch between two stages, by micro-batch id. */
  readonly #passages = new Map<number, Passage>();
  /** Time of work on a CPU is what this process computed; on another device, how long it waited. */
  readonly #timer: WorkTimer;
  readonly #beat: Beat;
  /** Clock of the most recently run stage; undefined if none of its KV was on another instance. */
  #remoteClock: RemoteClock | undefined;

  constructor(options: MeasuredOptions) {
    this.#options = options;
    this.#ops = new TensorOps(options.backend);
    this.#transcripts = new TranscriptBook(options.seed, options.shape.vocabSize);
    this.weights = new WeightStore(this.#ops, options.shape, options.seed);
    this.#timer = options.backend.device.kind === 'cpu' ? ownWorkTimer() : wallTimer;
    warmUp(this.#ops, { ...options, weights: this.weights });
    this.#beat = new Beat(this.#ops, { ...options, weights: this.weights });
  }

  /**
   * Returns what the beat takes now, in microseconds: always the same work, apart from all instances. It runs twice and the
   * second counts: what the steps before have left in the caches would make the first depend on them.
   */
  beatUs(): number {
    this.#beat.run();
    const elapsedUs = this.#timer();
    this.#beat.run();
    return elapsedUs();
  }

  /** Returns the transcripts of requests that ended with tokens, for the token check. */
  ended(): readonly Transcript[] {
    return this.#transcripts.ended();
  }

  transcript(requestId: RequestId): Transcript {
    return this.#transcripts.of(requestId);
  }

  instance(id: InstanceId): MeasuredInstance {
    return must(this.#instances.get(id), `instance ${id}`);
  }

  startInstance(id: InstanceId, layers: LayerRange, numCells: number): void {
    assert(!this.#instances.has(id), 'INV-instance-new', () => `instance ${id} runs already`);
    const model = new ModelInstance(this.#ops, {
      ...this.#options,
      weights: this.weights,
      layers,
      numCells,
    });
    this.#instances.set(id, { model, hostKv: new HostKv() });
  }

  stopInstance(id: InstanceId): void {
    this.instance(id).model.dispose();
    this.#instances.delete(id);
  }

  reshapeInstance(
    id: InstanceId,
    layers: LayerRange,
    numCells: number,
    sources: readonly WeightSource[] = [],
  ): void {
    const { model } = this.instance(id);
    model.holdLayers(layers, (layer) => this.#loadLayer(layer, sources));
    model.kv.resize(numCells);
  }

  addRequest(spec: RequestSpec): void {
    this.#transcripts.open(spec);
  }

  endRequest(requestId: RequestId, numGenerated: number): void {
    for (const { model, hostKv } of this.#instances.values()) {
      model.kv.releaseAll(requestId);
      hostKv.releaseAll(requestId);
    }
    this.#transcripts.end(requestId, numGenerated);
  }

  runStage(batch: MicroBatch, stage: Stage): number {
    const { model } = this.instance(stage.instanceId);
    const entries = this.#entriesOf(batch);
    model.reserveKv(entries, stage.layers);
    const before = this.#passages.get(batch.id);
    assert(
      (before === undefined) === stage.isFirst,
      'INV-stage-order',
      () => `batch ${batch.id} out of order`,
    );
    const input = before === undefined ? { tokens: this.#newTokens(entries) } : { hidden: before.hidden };
    const owners = [...(before?.owners ?? []), { instanceId: stage.instanceId, layers: stage.layers }];

    const remoteClock = batch.numRemote === 0 ? undefined : new RemoteClock(this.#ops, this.#timer, model.kv);
    this.#remoteClock = remoteClock;
    const elapsed = this.#timer();
    const hidden = model.runLayers({ batch: entries, layers: stage.layers, input, remoteClock });
    if (stage.isLast) this.#sample(batch, entries, { model, hidden, owners });
    else this.#ops.waitFor(hidden);
    const elapsedUs = elapsed() - (remoteClock?.totalUs ?? 0);

    this.#pass(batch, stage, { hidden, owners });
    return Math.max(1, Math.round(elapsedUs));
  }

  /**
   * Returns the time of attention on another instance's KV, in microseconds. It ran inside the stage and was
   * timed separately.
   */
  attentionUs(_batch: MicroBatch, _stage: Stage, { ownerId }: RemoteAttention): number {
    const clock = must(this.#remoteClock, 'the clock of the stage that has just run');
    return Math.max(1, Math.round(clock.usOf(this.instance(ownerId).model.kv)));
  }

  abandonBatch(batch: MicroBatch): void {
    const passage = this.#passages.get(batch.id);
    if (passage !== undefined) this.#ops.free(passage.hidden);
    this.#passages.delete(batch.id);
    for (let index = 0; index < batch.size; index += 1) {
      this.#transcripts.takeBack(batch.requestIds[index] as RequestId, batch.id);
    }
  }

  copyKv(
    requestId: RequestId,
    layers: LayerRange,
    move: { from: KvStore; to: KvStore; firstToken?: number; numTokens: number },
  ): void {
    copyKvPages(requestId, layers, {
      from: { ...this.instance(move.from.instanceId), tier: move.from.tier },
      to: { ...this.instance(move.to.instanceId), tier: move.to.tier },
      firstToken: move.firstToken ?? 0,
      numTokens: move.numTokens,
    });
  }

  releaseKv(requestId: RequestId, layers: LayerRange, store: KvStore): void {
    const { model, hostKv } = this.instance(store.instanceId);
    if (store.tier === 'device') model.kv.release(requestId, layers);
    else hostKv.release(requestId, layers);
  }

  audit(id: InstanceId): ExecutorAudit {
    const { model } = this.instance(id);
    return {
      weightBytes: model.weightBytes,
      usedCells: model.kv.usedCells,
      totalCells: model.kv.totalCells,
    };
  }

  close(): void {
    for (const id of this.#instances.keys()) this.stopInstance(id);
    for (const { hidden } of this.#passages.values()) this.#ops.free(hidden);
    this.#passages.clear();
    this.#beat.dispose();
    this.weights.dispose();
    this.#ops.dispose();
  }

  #loadLayer(layer: number, sources: readonly WeightSource[]): LayerWeights {
    const source = sources.find(({ layers }) => holdsLayer(layers, layer));
    const from = must(source, `a source of weights of layer ${layer}`).from;
    if (from === 'disk') return this.weights.loadLayer(layer);
    if (from === 'host') return this.weights.loadLayerFromHost(layer);
    return copyWeights(this.#ops, this.instance(from).model.layerWeights(layer));
  }

  #entriesOf(batch: MicroBatch): RequestEntry[] {
    const places = batch.numRemote === 0 ? undefined : this.#placesOf(batch);
    return Array.from({ length: batch.size }, (_, index) => ({
      requestId: batch.requestIds[index] as RequestId,
      numTokens: batch.numTokens[index] as number,
      pastTokens: batch.pastTokens[index] as number,
      placedKv: places?.get(batch.placements[index]),
    }));
  }

  /**
   * Returns the KV slabs for each distinct placement in a micro-batch. Entries with the same placement share
   * one array.
   */
  #placesOf(batch: MicroBatch): Map<KvPlacement | undefined, PlacedKv | undefined> {
    const places = new Map<KvPlacement | undefined, PlacedKv | undefined>([[undefined, undefined]]);
    for (let index = 0; index < batch.size; index += 1) {
      const placement = batch.placements[index];
      if (places.has(placement)) continue;
      const placed = placement?.map(({ instanceId, layers }) => ({
        kv: this.instance(instanceId).model.kv,
        layers,
      }));
      places.set(placement, placed);
    }
    return places;
  }

  /** Returns the ids of the new tokens, entry by entry. */
  #newTokens(entries: readonly RequestEntry[]): Int32Array {
    const total = entries.reduce((sum, { numTokens }) => sum + numTokens, 0);
    const tokens = new Int32Array(total);
    let offset = 0;
    for (const { requestId, pastTokens, numTokens } of entries) {
      const transcript = this.#transcripts.of(requestId);
      const end = pastTokens + numTokens;
      assert(
        end <= transcript.numTokens,
        'INV-tokens-known',
        () => `request ${requestId} has no token ${end} yet`,
      );
      tokens.set(transcript.tokens.subarray(pastTokens, end), offset);
      offset += numTokens;
    }
    return tokens;
  }

  #sample(
    batch: MicroBatch,
    entries: readonly RequestEntry[],
    last: { model: ModelInstance; hidden: DeviceTensor; owners: TokenOwners },
  ): void {
    const sampling = [...entries.keys()].filter((index) => batch.samples[index] === 1);
    if (sampling.length === 0) {
      this.#ops.waitFor(last.hidden);
      return;
    }
    const rows = firstRows(entries);
    const lastRows = sampling.map(
      (index) => (rows[index] as number) + (entries[index] as RequestEntry).numTokens - 1,
    );
    const { tokens, logits } = last.model.sample(last.hidden, Int32Array.from(lastRows));
    for (const [position, index] of sampling.entries()) {
      const { requestId } = entries[index] as RequestEntry;
      const sample = {
        token: tokens[position] as number,
        logit: logits[position] as number,
        batchId: batch.id,
      };
      this.#transcripts.append(requestId, sample, last.owners);
    }
  }

  #pass(batch: MicroBatch, stage: Stage, passage: Passage): void {
    if (!stage.isLast) {
      this.#passages.set(batch.id, passage);
      return;
    }
    this.#ops.free(passage.hidden);
    this.#passages.delete(batch.id);
  }
}
