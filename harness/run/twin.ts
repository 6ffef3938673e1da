import { createRng } from '../base/rng.ts';
import { runCluster } from '../core/run.ts';
import type { RequestRecord } from '../core/observer.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import { comparedValues, type ComparedValues } from '../metrics/compared-values.ts';
import { RequestOutcomes } from '../metrics/outcomes.ts';
import { CellRecorder, type RecorderOptions } from '../metrics/recorder.ts';
import type { CellSummary } from '../metrics/results.ts';
import { fileSinks, nullSinks } from '../metrics/sinks.ts';
import { runOptionsOf } from './cell.ts';
import type { CellGuard, CellJob } from './cell-job.ts';
import { createStack } from './create-stack.ts';
import { plannedWorkload } from './planned-workload.ts';

/** A cell to be simulated beside measured ones. */
export interface TwinJob extends Pick<CellJob, 'id' | 'config' | 'stackName' | 'seed'> {
  /** An existing, empty folder for its files; `undefined` where its figures are enough. */
  readonly dir: string | undefined;
  /** Which draw of the times of its stages, from 0 on. */
  readonly draw: number;
}

export interface TwinOutcome {
  readonly summary: CellSummary;
  readonly values: ComparedValues;
}

/** Simulates a cell and returns its figures. Rejects as `runCell` does. */
export async function runTwin(job: TwinJob, guard: CellGuard): Promise<TwinOutcome> {
  const { config, seed, stackName: policy, id, dir, draw } = job;
  const { classes, steadyWindow: window } = config;
  const { workload } = await plannedWorkload(config, seed);
  const stack = await createStack(job, workload, guard);
  const openSink = dir === undefined ? nullSinks : fileSinks(dir);
  const maxTraceEvents = dir === undefined ? { maxTraceEvents: 0 } : {};
  const recorder = new OutcomeRecorder({ classes, window, openSink, ...maxTraceEvents });
  try {
    const { durationUs: endedAtUs, instanceUs } = runCluster({
      ...runOptionsOf(config, seed),
      workload,
      stack,
      executor: new SimulatedExecutor(config.model, createRng(seed, `stage times ${draw}`)),
      observer: recorder,
      onProgress: () => guard.advance(),
    });
    const totals = { id, policy, seed, endedAtUs, instanceUs, verifiedTokens: null };
    const summary = recorder.finish({ ...totals, policyStats: stack.stats() });
    return { summary, values: comparedValues({ summary, outcomes: recorder.outcomes }) };
  } finally {
    recorder.close();
  }
}

/** Keeps what a comparison needs of the requests as well. */
class OutcomeRecorder extends CellRecorder {
  readonly outcomes: RequestOutcomes;

  constructor(options: RecorderOptions) {
    super(options);
    this.outcomes = new RequestOutcomes(options.classes, options.window);
  }

  override requestEnded(record: RequestRecord): void {
    super.requestEnded(record);
    this.outcomes.add(record);
  }
}
