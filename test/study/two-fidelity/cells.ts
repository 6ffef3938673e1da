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
import { PolicyStack } from '../../../harness/policy/stack.ts';
import { loadPolicy } from '../../../harness/run/load-policy.ts';
import { buildWorkload } from '../../../workloads/index.ts';
import { rowOf } from '../../metrics/records.ts';
import { type Machine, MeasuredLike } from './measured-like.ts';

const guard = { enter() {}, leave() {} };

/** Runs the stacks of one configuration, one cell after the other, in memory. */
export class CellRunner {
  readonly #config: ResolvedConfig;
  readonly #workloads = new Map<number, Workload>();

  constructor(config: ResolvedConfig) {
    this.#config = config;
  }

  /** The cell as the simulator has it. */
  simulated(stack: string, seed: number): Promise<ComparedCell> {
    return this.#run(stack, seed, new SimulatedExecutor(this.#config.model));
  }

  /** The cell as it would be on that machine; `draw` tells apart cells whose noise is their own. */
  measured(stack: string, seed: number, machine: Machine, draw: string): Promise<ComparedCell> {
    const rng = createRng(seed, `study/noise/${draw}`);
    return this.#run(stack, seed, new MeasuredLike(this.#config.model, machine, rng));
  }

  async #run(stackName: string, seed: number, executor: Executor): Promise<ComparedCell> {
    const { cluster, engine, execution, model, classes } = this.#config;
    const recorder = new CellRecorder({ classes, openSink: nullSinks, maxTraceEvents: 0 });
    const observer = new RequestCollector(recorder);
    const totals = runCluster({
      model,
      hardware: cluster.hardware,
      numInstances: cluster.numInstances,
      maxInstances: cluster.maxInstances,
      startRng: createRng(seed, 'cold-start'),
      stagesPerGroup: cluster.stagesPerGroup,
      blockSizeTokens: engine.blockSizeTokens,
      engine: engine.rules,
      limits: {
        maxRunning: engine.maxRunning,
        maxBatchTokens: engine.maxBatchTokens,
        watermarkRatio: engine.watermarkRatio,
        admits: true,
      },
      workload: await this.#workload(seed),
      stack: await this.#stack(stackName, seed),
      loadReports: cluster.loadReports,
      executor,
      observer,
      sampleIntervalUs: 1e12,
      faults: cluster.faults,
      maxDurationUs: execution.maxDurationUs,
      checkEvery: 0,
    });
    const summary = recorder.finish({
      id: `${stackName}-s${seed}`,
      policy: stackName,
      seed,
      endedAtUs: totals.durationUs,
      instanceUs: totals.instanceUs,
      verifiedTokens: null,
      policyStats: {},
    });
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

  async #stack(stackName: string, seed: number): Promise<PolicyStack> {
    const { stacks, baseDir, model, cluster, engine, classes } = this.#config;
    const members = [];
    for (const use of stacks.find(({ name }) => name === stackName)?.policies ?? []) {
      const { definition, params } = await loadPolicy(use, baseDir, guard);
      const { name, capabilities } = definition;
      const policy = definition.create(params, {
        rng: createRng(seed, `policy/${name}`),
        model,
        startHardware: cluster.hardware,
        blockSizeTokens: engine.blockSizeTokens,
        classes,
      });
      members.push({ name, capabilities, policy });
    }
    return new PolicyStack(members, guard);
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
