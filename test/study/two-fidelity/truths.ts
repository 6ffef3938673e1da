import { join } from 'node:path';
import { createRng, type Rng } from '../../../harness/base/rng.ts';
import type { ResolvedConfig } from '../../../harness/config/index.ts';
import { planRun } from '../../../harness/run/plan.ts';
import type { Machine } from './measured-like.ts';

/** One load on one made-up machine: what each stack is against the baseline is a truth to be found. */
export interface Truth {
  readonly config: ResolvedConfig;
  readonly machine: Machine;
  /** The stack that the others are compared with. Those called `ties` are made of the same policies. */
  readonly baseline: string;
}

export const ties: readonly string[] = ['same-again', 'same-once-more'];

/** How far the coefficients of the machine are from those of the cost model: standard deviation of their logarithm. */
const misfits = [0.03, 0.08, 0.2, 0.4] as const;

const stacks = {
  recompute: '[least-loaded, recompute]',
  swap: '[least-loaded, swap, recompute]',
  llumnix:
    '[{ use: llumnix, params: { countsSent: true, checkMs: 4, sourceBelowSteps: 8, targetAboveSteps: 8 } }, recompute]',
  kunserve:
    '[least-loaded, { use: kunserve, params: { pollMs: 10, reportMs: 10, trendReports: 5, minDwellMs: 50 } }, recompute]',
  'kunserve-slow':
    '[least-loaded, { use: kunserve, params: { pollMs: 20, reportMs: 20, trendReports: 5, minDwellMs: 100 } }, recompute]',
  hpa: '[least-loaded, { use: hpa, params: { syncS: 0.17, periodS: 0.17, downWindowS: 3.3 } }, recompute]',
} as const;

const baselines = ['recompute', 'swap', 'llumnix', 'kunserve', 'hpa'] as const;

/** The truth with this number: the same for the same number. */
export async function truthOf(index: number): Promise<Truth> {
  const rng = createRng(index, 'study/truth');
  const baseline = baselines[index % baselines.length] ?? 'recompute';
  const all = [...Object.entries(stacks), ...ties.map((name) => [name, stacks[baseline]] as const)];
  const listed = all.map(([name, policies]) => `${name}: ${policies}`);
  const { config } = await planRun(
    {
      kind: 'file',
      file: join(import.meta.dirname, 'burst.yaml'),
      cwd: '.',
      overrides: [...loadOf(rng), `policies={ ${listed.join(', ')} }`, `baseline=${baseline}`],
      flags: { policies: [] },
    },
    { enter() {}, leave() {}, advance() {}, beforeImport() {} },
  );
  const misfit = misfits[Math.floor(index / baselines.length) % misfits.length] ?? 0;
  return { config, machine: machineOf(rng, misfit), baseline };
}

/** From a load that memory holds to one that it does not. */
function loadOf(rng: Rng): string[] {
  const between = (low: number, high: number) => (low + (high - low) * rng.uniform()).toFixed(3);
  return [
    `workload.bursts.durationS=${between(0.05, 0.1)}`,
    `workload.bursts.factor=${between(6, 14)}`,
    `workload.baseRate=${between(60, 100)}`,
    `workload.gaps.cv=${between(1, 2)}`,
    `cluster.instances=${3 + rng.integer(2)}`,
  ];
}

function machineOf(rng: Rng, misfit: number): Machine {
  const factor = () => Math.exp(misfit * rng.normal());
  return {
    flops: factor(),
    bandwidth: factor(),
    attention: factor(),
    layerOverhead: factor(),
    curvature: misfit * (2 * rng.uniform() - 0.5),
    stepNoise: 0.05 + 0.15 * rng.uniform(),
    cellNoise: 0.01 + 0.02 * rng.uniform(),
    drift: 0.02 + 0.04 * rng.uniform(),
    driftUs: 200_000,
  };
}
