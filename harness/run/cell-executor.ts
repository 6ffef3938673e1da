import type { Executor } from '../core/executor.ts';

/** An executor with the check that follows the run. */
export interface CellExecutor {
  readonly executor: Executor;
  /** Wall time that the executor has used, microseconds; 0 where nothing is executed. */
  executorUs(): number;
  /** What other work on the machine did to the measured times, where it was too much; asked right after the run. */
  disturbance(): string | undefined;
  /** Tokens that the check confirmed, `null` where nothing was executed; throws when one is wrong. */
  verify(): number | null;
}
