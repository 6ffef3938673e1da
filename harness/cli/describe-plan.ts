import { setUpOf } from '../../reports/set-up.ts';
import { must } from '../base/assert.ts';
import { formatBytes, usPerSecond } from '../base/units.ts';
import { planCells } from '../run/matrix.ts';
import type { RunPlan } from '../run/plan.ts';
import { groupCapacity } from '../config/capacity.ts';
import type { ClusterSpec, ResolvedConfig } from '../config/resolved.ts';
import { columns } from './columns.ts';

/** Describes what a run would do, for `--dry-run`. */
export function describePlan(plan: RunPlan, format: 'table' | 'json'): string {
  const cells = planCells(plan.config);
  const memory = memoryOf(plan);
  if (format === 'json') {
    const { config, stacks, numRequests, traces } = plan;
    return JSON.stringify(
      { config, stacks, cells, requests_of_first_seed: numRequests, memory, traces },
      undefined,
      2,
    );
  }
  const { config, stacks, numRequests } = plan;
  const { cluster, execution, model } = config;
  return [
    columns([
      [
        'run',
        `${config.name}: ${cells.length} cells (policies x seeds: ${stacks.length} x ${config.seeds.length})`,
      ],
      ['mode', execution.mode],
      ['requests', `${numRequests} with seed ${config.seeds[0]}`],
      ['model', `${model.name}: ${model.numLayers} layers, width ${model.hiddenSize}`],
      [
        'cluster',
        `${instances(cluster)} instances of ${cluster.hardware.name}, ${cluster.stagesPerGroup} a group`,
      ],
      ...(cluster.maxInstances > cluster.numInstances ? [coldStart(cluster)] : []),
      ...cluster.faults.map(({ instance, atUs }): [string, string] => {
        return ['  fault', `instance ${instance} fails at ${atUs / usPerSecond} s`];
      }),
      ...setUpLines(config),
      ['memory', `${formatBytes(memory.device_bytes)} an instance`],
      [
        '  weights',
        `${formatBytes(memory.weight_bytes)} (${percent(memory.weight_bytes / memory.device_bytes)})`,
      ],
      ['  KV', `${formatBytes(memory.kv_bytes)} (${percent(memory.kv_bytes / memory.device_bytes)})`],
      ['  reserve', formatBytes(memory.reserve_bytes)],
      ['KV of a group', `${memory.kv_tokens_per_group} tokens`],
      ...stacks.map((stack): [string, string] => [
        stack.name,
        `${stack.policies.map(({ name }) => name).join(', ')} [${stack.family}]`,
      ]),
    ]),
    '',
    `cells: ${cells.map(({ id }) => id).join(' ')}`,
  ].join('\n');
}

function setUpLines(config: ResolvedConfig): [string, string][] {
  const { engine, rules, loadReports } = must(setUpOf(config), 'the engine in a resolved configuration');
  return [
    ['engine', `${engine}: ${rules}`],
    ['load reports', loadReports],
  ];
}

function instances({ numInstances, maxInstances }: ClusterSpec): string {
  return maxInstances === numInstances ? `${numInstances}` : `${numInstances}, at most ${maxInstances},`;
}

function coldStart({ hardware: { start } }: ClusterSpec): [string, string] {
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
  const { memoryBytes, reserveBytes } = config.cluster.hardware;
  const { weightBytes, kvBytes, kvTokens } = groupCapacity(config);
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
