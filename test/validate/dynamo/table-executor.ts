import type { MicroBatch, Stage } from '../../../harness/core/executor.ts';
import { MemorylessExecutor } from '../../../harness/executors/memoryless.ts';
import { decodeMs, prefillMs, type TimingTable } from './timing-table.ts';

const usPerMs = 1000;

/**
 * Charges a step what Dynamo's simulated vLLM charges the same batch (lib/mocker/src/scheduler/vllm/core.rs of 1.4.2),
 * its peculiarities with it, since step times are to be equal and only scheduling is compared:
 *
 * - prefill and decode of one step are added, one after the other;
 * - prefill counts prompt tokens: what a preempted request had generated is computed again at no charge;
 * - lengths of several prompts enter as whole-number means;
 * - decode counts every request that gets a token, those whose prompt ends in this step among them, and the KV blocks of
 *   all entries, whole.
 */
export class TableExecutor extends MemorylessExecutor {
  readonly #table: TimingTable;
  readonly #blockSizeTokens: number;
  readonly #promptTokens: readonly number[];
  /** What rounding to microseconds has left, by instance: step ends never drift by more than half a microsecond. */
  readonly #carryUs = new Map<number, number>();
  prefillUs = 0;
  decodeUs = 0;

  /** `promptTokens`: lengths of the prompts, by the requests' ids. */
  constructor(table: TimingTable, blockSizeTokens: number, promptTokens: readonly number[]) {
    super();
    this.#table = table;
    this.#blockSizeTokens = blockSizeTokens;
    this.#promptTokens = promptTokens;
  }

  override runStage(batch: MicroBatch, { instanceId: instance }: Stage): number {
    const prefillUs = usPerMs * this.#prefillMs(batch);
    const decodeUs = usPerMs * this.#decodeMs(batch);
    this.prefillUs += prefillUs;
    this.decodeUs += decodeUs;
    const exactUs = prefillUs + decodeUs + (this.#carryUs.get(instance) ?? 0);
    const durationUs = Math.max(1, Math.round(exactUs));
    this.#carryUs.set(instance, exactUs - durationUs);
    return durationUs;
  }

  /** Requests stay where they are here. */
  override attentionUs(): number {
    return 1;
  }

  #prefillMs({ size, requestIds, pastTokens, numTokens }: MicroBatch): number {
    let count = 0;
    let endTokens = 0;
    let startTokens = 0;
    for (let index = 0; index < size; index += 1) {
      const promptTokens = this.#promptTokens[requestIds[index] as number] as number;
      const past = pastTokens[index] as number;
      if (past >= promptTokens) continue;
      count += 1;
      startTokens += past;
      endTokens += Math.min(past + (numTokens[index] as number), promptTokens);
    }
    if (count === 0) return 0;
    return prefillMs(this.#table, count * (Math.floor(endTokens / count) - Math.floor(startTokens / count)));
  }

  #decodeMs({ size, pastTokens, numTokens, samples }: MicroBatch): number {
    let count = 0;
    let contextTokens = 0;
    let blocks = 0;
    for (let index = 0; index < size; index += 1) {
      const tokens = (pastTokens[index] as number) + (numTokens[index] as number);
      blocks += Math.ceil(tokens / this.#blockSizeTokens);
      if (samples[index] !== 1) continue;
      count += 1;
      contextTokens += tokens;
    }
    if (count === 0) return 0;
    return decodeMs(this.#table, blocks * this.#blockSizeTokens, Math.floor(contextTokens / count));
  }
}
