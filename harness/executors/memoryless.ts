import type { Executor, MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';

/**
 * Base of executors that charge time but hold no weights or KV, so that there is nothing to create, copy,
 * count or free.
 */
export abstract class MemorylessExecutor implements Executor {
  abstract runStage(batch: MicroBatch, stage: Stage): number;
  abstract attentionUs(batch: MicroBatch, stage: Stage, remote: RemoteAttention): number;

  startInstance(..._about: Parameters<Executor['startInstance']>): void {}
  stopInstance(): void {}
  reshapeInstance(): void {}
  addRequest(): void {}
  endRequest(): void {}
  abandonBatch(): void {}
  copyKv(): void {}
  releaseKv(): void {}
  audit(): undefined {}
  close(): void {}
}
