import type { Executor, MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';

/** An executor that charges time and holds nothing: there is nothing to make, move, count or free. */
export abstract class MemorylessExecutor implements Executor {
  abstract runStage(batch: MicroBatch, stage: Stage): number;
  abstract attentionUs(batch: MicroBatch, stage: Stage, remote: RemoteAttention): number;

  startInstance(..._about: Parameters<Executor['startInstance']>): void {}
  stopInstance(): void {}
  reshapeInstance(): void {}
  admitRequest(): void {}
  endRequest(): void {}
  abandonBatch(): void {}
  copyKv(): void {}
  releaseKv(): void {}
  audit(): undefined {}
  close(): void {}
}
