import { setUpOf } from '../../reports/set-up.ts';
import { must } from '../base/assert.ts';
import { formatBytes, usPerSecond } from '../base/units.ts';
import { planCells } from '../run/matrix.ts';
import type { RunPlan } from '../run/plan.ts';
import { groupCapacity, memoryPlanOf } from '../config/capacity.ts';
import type { ClusterSpec, ResolvedConfig } from '../config/resolved.ts';
import { columns } from './columns.ts';

/** Describes what a run would do, for `--dry-run`. */
export function describePlan(plan: RunPlan, format: 'table' | 'json'): string {
  const cells = planCells(plan.config);
  const memory = memoryOf(plan);
  if (format === 'json') {
    const { config, stacks, numRequests, traces } = plan;
    const described = { config, stacks, cells, requests_of_first_seed: numRequests, memory, traces };
    return JSON.stringify(described, undefined, 2);
  }
  const rows = [
    ...runLines(plan, cells.length),
    ...clusterLines(plan.config.cluster),
    ...setUpLines(plan.config),
    ...memoryLines(memory),
    ...plan.stacks.map(({ name, policies, family }): Line => {
      return [name, `${policies.map((policy) => policy.name).join(', ')} [${family}]`];
    }),
  ];
  return [columns(rows), '', `cells: ${cells.map(({ id }) => id).join(' ')}`].join('\n');
}

/** A label and its text. */
type Line = [string, string];

function runLines({ config, stacks, numRequests }: RunPlan, numCells: number): Line[] {
  const { name, seeds, execution, model } = config;
  return [
    ['run', `${name}: ${numCells} cells (policies x seeds: ${stacks.length} x ${seeds.length})`],
    ['mode', execution.mode],
    ['requests', `${numRequests} with seed ${seeds[0]}`],
    ['model', `${model.name}: ${model.numLayers} layers, width ${model.hiddenSize}`],
  ];
}

function clusterLines(cluster: ClusterSpec): Line[] {
  const { hardware, stagesPerGroup, faults } = cluster;
  return [
    ['cluster', `${instances(cluster)} instances of ${hardware.name}, ${stagesPerGroup} a group`],
    ...(cluster.maxInstances > cluster.numInstances ? [coldStart(cluster)] : []),
    ...faults.map(({ instance, atUs }): Line => {
      return ['  fault', `instance ${instance} fails at ${atUs / usPerSecond} s`];
    }),
  ];
}

function memoryLines(memory: ReturnType<typeof memoryOf>): Line[] {
  const share = (bytes: number) => `${formatBytes(bytes)} (${percent(bytes / memory.device_bytes)})`;
  return [
    ['memory', `${formatBytes(memory.device_bytes)} an instance`],
    ['  weights', share(memory.weight_bytes)],
    ['  KV', share(memory.kv_bytes)],
    ['  reserve', formatBytes(memory.reserve_bytes)],
    ['KV of a group', `${memory.kv_tokens_per_group} tokens`],
  ];
}

function setUpLines(config: ResolvedConfig): Line[] {
  const { engine, rules, loadReports } = must(setUpOf(config), 'the engine in a resolved configuration');
  return [
    ['engine', `${engine}: ${rules}`],
    ['load reports', loadReports],
  ];
}

function instances({ numInstances, maxInstances }: ClusterSpec): string {
  return maxInstances === numInstances ? `${numInstances}` : `${numInstances}, at most ${maxInstances},`;
}

function coldStart({ hardware: { start } }: ClusterSpec): Line {
  const { provisioning, weightsFrom, warmUpUs, failureRatio } = start;
  const spread = provisioning.cv === 0 ? '' : ` (cv ${provisioning.cv})`;
  const failures = failureRatio === 0 ? '' : `, ${percent(failureRatio)} of the starts fail`;
  return [
    '  cold start',
    `${provisioning.meanUs / usPerSecond} s of provisioning${spread}, weights from ${weightsFrom}, ` +
      `${warmUpUs / usPerSecond} s of warm-up${failures}`,
  ];
}

function memoryOf({ config }: RunPlan) {
  const plan = memoryPlanOf(config);
  const { memoryBytes, reserveBytes } = plan.hardware;
  const { weightBytes, kvBytes, kvTokens } = groupCapacity(plan);
  return {
    device_bytes: memoryBytes,
    weight_bytes: weightBytes,
    kv_bytes: kvBytes,
    reserve_bytes: reserveBytes,
    kv_tokens_per_group: kvTokens,
  };
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
