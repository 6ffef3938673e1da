import { wallClockUs } from '../../harness/base/clock.ts';
import { createRng } from '../../harness/base/rng.ts';
import { enginePresets } from '../../harness/core/engine.ts';
import type { Hardware } from '../../harness/domain/hardware.ts';
import { asRequestId } from '../../harness/domain/ids.ts';
import type { ModelShape } from '../../harness/domain/model-shape.ts';
import { runCluster } from '../../harness/core/run.ts';
import type { RequestSpec, Workload } from '../../harness/domain/workload.ts';
import { SimulatedExecutor } from '../../harness/executors/simulated.ts';
import { CellRecorder } from '../../harness/metrics/recorder.ts';
import { nullSinks } from '../../harness/metrics/sinks.ts';
import { PolicyStack } from '../../harness/policy/stack.ts';
import { policies } from '../../policies/index.ts';

/**
 * Simulated requests per second of wall time, one core: 512 tokens in, 128 out, Poisson arrivals, everything recorded but
 * the disk. `steady` keeps the instances about two thirds busy; `overload` brings everything at once, so that memory runs
 * out and requests are preempted.
 */
const model: ModelShape = {
  name: 'llama-3.1-8b',
  numLayers: 32,
  hiddenSize: 4096,
  numHeads: 32,
  numKvHeads: 8,
  headDim: 128,
  ffnSize: 14336,
  vocabSize: 128256,
  bytesPerWeight: 2,
  bytesPerKvElement: 2,
  ropeTheta: 500000,
};

const device: Hardware = {
  name: 'a100-80gb',
  memoryBytes: 72e9,
  reserveBytes: 4e9,
  compute: {
    flopsPerSecond: 200e12,
    memoryBytesPerSecond: 1.6e12,
    attention: { flopsPerSecond: 100e12, memoryBytesPerSecond: 1.5e12, mixedDecodeRows: 1 },
    layerOverheadUs: 15,
    stepOverheadUs: 500,
    engineCpu: { stepUs: 0, sequenceUs: 0, overlapsDevice: true },
  },
  hostLink: { bytesPerSecond: 25e9, latencyUs: 10 },
  hostMemoryBytes: 256e9,
  network: { bytesPerSecond: 25e9, latencyUs: 10 },
  diskBytesPerSecond: 2e9,
  weightsInHostMemory: false,
  start: {
    provisioning: { meanUs: 0, cv: 0 },
    weightsFrom: 'disk',
    warmUpUs: 0,
    failureRatio: 0,
    backoffUs: 1e6,
    maxBackoffUs: 1e6,
  },
  remapUs: 5000,
  migrationHandshakeUs: 17_000,
};

interface BenchmarkCase {
  readonly name: string;
  readonly numRequests: number;
  readonly numInstances: number;
  /** Requests a second, all instances together; 0 for all at once. */
  readonly rate: number;
  /** Device memory, where it should run out. */
  readonly memoryBytes?: number;
}

const cases: readonly BenchmarkCase[] = [
  { name: 'steady, 4 instances', numRequests: 20_000, numInstances: 4, rate: 40 },
  { name: 'steady, 16 instances', numRequests: 100_000, numInstances: 16, rate: 160 },
  { name: 'overload, 16 instances', numRequests: 100_000, numInstances: 16, rate: 0, memoryBytes: 40e9 },
];

const classes = [{ name: 'default', priority: 0, slo: { ttftUs: 1e6, tpotUs: 50_000 } }];

function poisson({ numRequests, rate }: BenchmarkCase): Workload {
  return {
    numRequests,
    classes,
    followers: () => [],
    *arrivals() {
      const rng = createRng(1, 'arrivals');
      let timeUs = 0;
      for (let id = 0; id < numRequests; id += 1) {
        if (rate > 0) timeUs += Math.round((rng.exponential() / rate) * 1e6);
        const request: RequestSpec = {
          id: asRequestId(id),
          className: 'default',
          promptTokens: 512,
          outputTokens: 128,
          outputLimitTokens: 128,
          arrival: { kind: 'at', timeUs },
        };
        yield request;
      }
    },
  };
}

interface CaseResult {
  readonly requestsPerSecond: number;
  /** The same by CPU time of all threads: steadier on a machine that does other things as well. */
  readonly requestsPerCpuSecond: number;
  readonly preemptions: number;
  readonly virtualS: number;
}

function runCase(benchmarkCase: BenchmarkCase): CaseResult {
  const { numInstances, numRequests, memoryBytes = device.memoryBytes } = benchmarkCase;
  const hardware = { ...device, memoryBytes };
  const recorder = new CellRecorder({ classes, openSink: nullSinks, maxTraceEvents: 0 });
  const deps = { rng: createRng(1, 'policy'), model, startHardware: hardware, blockSizeTokens: 16, classes };
  const stack = new PolicyStack(
    [policies['round-robin'], policies.recompute].map((definition) => ({
      name: definition.name,
      capabilities: definition.capabilities,
      policy: definition.create({}, deps),
    })),
    { enter() {}, leave() {} },
  );
  const startUs = wallClockUs();
  const startCpu = process.cpuUsage();
  const totals = runCluster({
    model,
    hardware,
    numInstances,
    maxInstances: numInstances,
    startRng: createRng(1, 'cold-start'),
    stagesPerGroup: 1,
    blockSizeTokens: 16,
    engine: enginePresets['vllm-v1'].rules,
    loadReporting: { kind: 'live' },
    limits: { maxRunning: 256, maxBatchTokens: 2048, watermarkRatio: 0, admits: true },
    workload: poisson(benchmarkCase),
    stack,
    executor: new SimulatedExecutor(model),
    observer: recorder,
    sampleIntervalUs: 1e6,
    faults: [],
    maxDurationUs: 1e12,
    checkEvery: 0,
  });
  const seconds = (wallClockUs() - startUs) / 1e6;
  const cpu = process.cpuUsage(startCpu);
  const summary = recorder.finish({
    id: benchmarkCase.name,
    policy: 'recompute',
    seed: 1,
    endedAtUs: totals.durationUs,
    instanceUs: totals.instanceUs,
    verifiedTokens: null,
    policyStats: stack.stats(),
  });
  return {
    requestsPerSecond: Math.round(numRequests / seconds),
    requestsPerCpuSecond: Math.round(numRequests / ((cpu.user + cpu.system) / 1e6)),
    preemptions: summary.preemption_count,
    virtualS: totals.durationUs / 1e6,
  };
}

const results = cases.map((benchmarkCase) => {
  // Once to warm up, then the median of three.
  runCase({ ...benchmarkCase, numRequests: 5_000 });
  const runs = [0, 1, 2].map(() => runCase(benchmarkCase));
  runs.sort((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const [slowest, median, fastest] = runs;
  const line = `${benchmarkCase.name.padEnd(24)} ${String(median?.requestsPerSecond).padStart(9)} requests/s`;
  const range = `(${slowest?.requestsPerSecond}..${fastest?.requestsPerSecond})`;
  console.log(
    `${line} ${range}, ${median?.requestsPerCpuSecond} per CPU second, ${median?.preemptions} preemptions, ${median?.virtualS.toFixed(0)} s simulated`,
  );
  return { ...benchmarkCase, ...median };
});
console.log(JSON.stringify({ benchmark: 'simulator', promptTokens: 512, outputTokens: 128, results }));
