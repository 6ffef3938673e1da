import { createRng } from '../../../harness/base/rng.ts';
import type { ResolvedConfig } from '../../../harness/config/index.ts';
import type { Executor } from '../../../harness/core/executor.ts';
import type { Observer, RequestRecord } from '../../../harness/core/observer.ts';
import { runCluster } from '../../../harness/core/run.ts';
import type { Workload } from '../../../harness/domain/workload.ts';
import { SimulatedExecutor } from '../../../harness/executors/simulated.ts';
import { RequestOutcomes } from '../../../harness/metrics/outcomes.ts';
import type { ComparedCell } from '../../../harness/metrics/paired-run.ts';
import { CellRecorder } from '../../../harness/metrics/recorder.ts';
import { nullSinks } from '../../../harness/metrics/sinks.ts';
import { runOptionsOf } from '../../../harness/run/cell.ts';
import { createStack } from '../../../harness/run/create-stack.ts';
import { buildWorkload } from '../../../workloads/index.ts';
import { rowOf } from '../../metrics/records.ts';
import { type Machine, MeasuredLike } from './measured-like.ts';

const guard = { enter() {}, leave() {}, advance() {}, beforeImport() {} };

/** Runs the stacks of one configuration, one cell after the other, in memory. */
export class CellRunner {
  readonly #config: ResolvedConfig;
  readonly #workloads = new Map<number, Workload>();

  constructor(config: ResolvedConfig) {
    this.#config = config;
  }

  /** The cell as the simulator has it. */
  simulated(stackName: string, seed: number): Promise<ComparedCell> {
    return this.#run(stackName, seed, new SimulatedExecutor(this.#config.model));
  }

  /** The cell as it would be on that machine; every stack and seed meets noise of its own. */
  measured(stackName: string, seed: number, machine: Machine): Promise<ComparedCell> {
    const rng = createRng(seed, `study/noise/${stackName}`);
    return this.#run(stackName, seed, new MeasuredLike(this.#config.model, machine, rng));
  }

  async #run(stackName: string, seed: number, executor: Executor): Promise<ComparedCell> {
    const config = this.#config;
    const { classes } = config;
    const recorder = new CellRecorder({ classes, openSink: nullSinks, maxTraceEvents: 0 });
    const observer = new RequestCollector(recorder);
    const workload = await this.#workload(seed);
    const stack = await createStack({ config, stackName, seed }, workload, guard);
    const { durationUs: endedAtUs, instanceUs } = runCluster({
      ...runOptionsOf(config, seed),
      sampleIntervalUs: 1e12,
      workload,
      stack,
      executor,
      observer,
    });
    const about = { id: `${stackName}-s${seed}`, policy: stackName, seed, verifiedTokens: null };
    const summary = recorder.finish({ ...about, endedAtUs, instanceUs, policyStats: {} });
    return { summary, outcomes: RequestOutcomes.from(observer.requests.map(rowOf), classes) };
  }

  async #workload(seed: number): Promise<Workload> {
    const known = this.#workloads.get(seed);
    if (known !== undefined) return known;
    const { workload: sources, classes, baseDir } = this.#config;
    const { workload } = await buildWorkload({ sources, classes, seed, baseDir });
    this.#workloads.set(seed, workload);
    return workload;
  }
}

/** Feeds the recorder with what the metrics of a comparison are made of, and keeps the requests. */
class RequestCollector implements Observer {
  readonly requests: RequestRecord[] = [];
  readonly #recorder: CellRecorder;

  constructor(recorder: CellRecorder) {
    this.#recorder = recorder;
  }

  requestEnded(record: RequestRecord): void {
    this.requests.push(record);
    this.#recorder.requestEnded(record);
  }
  tokenGap(): void {}
  stageEnded(): void {}
  decision(): void {}
  sample(): void {}
  transferEnded(): void {}
  migrationEnded(): void {}
  clusterEvent(): void {}
}
