import { InputError } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { planCells } from './matrix.ts';
import { onlyStacks } from './only-stacks.ts';
import type { RunPlan } from './plan.ts';

/**
 * Narrows a plan to one of its cells, which is then compared with nothing: without thresholds, further simulated seeds and other stacks. Throws
 * an `InputError` with the nearest name where there is no such cell.
 */
export function onlyCell(plan: RunPlan, id: string): RunPlan {
  const { config } = plan;
  const cells = planCells(config);
  const cell = cells.find((each) => each.id === id);
  if (cell === undefined) {
    const names = cells.map((each) => each.id);
    const hint = suggest(id, names);
    throw new InputError({ source: `--only ${id}`, path: '', message: 'there is no such cell', hint });
  }
  const { stackName, seed } = cell;
  const stacks = config.stacks.filter(({ name }) => name === stackName);
  const narrowed = onlyStacks(plan, { stacks, baseline: stackName });
  const execution = { ...config.execution, seedsSimulated: 0 };
  return { ...narrowed, config: { ...narrowed.config, seeds: [seed], execution } };
}
