import type { StackSpec } from '../config/index.ts';
import type { RunPlan } from './plan.ts';

/** The plan with some of its stacks alone, compared with `baseline`, and without thresholds, which are about all of them. */
export function onlyStacks(
  plan: RunPlan,
  { stacks, baseline }: { readonly stacks: readonly StackSpec[]; readonly baseline: string },
): RunPlan {
  const names = new Set(stacks.map(({ name }) => name));
  const uses = new Set(stacks.flatMap(({ policies }) => policies.map(({ use }) => use)));
  return {
    ...plan,
    config: { ...plan.config, stacks, baseline, thresholds: [] },
    stacks: plan.stacks.filter(({ name }) => names.has(name)),
    plugins: Object.fromEntries(Object.entries(plan.plugins).filter(([use]) => uses.has(use))),
  };
}
