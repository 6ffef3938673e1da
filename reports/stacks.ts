import type { StackInfo } from '../harness/metrics/results.ts';
import type { Look } from './charts/grammar/looks.ts';
import { cellsOf } from './load.ts';
import type { Results } from './load.ts';
import { colour, stackColours } from './theme.ts';

export const familyLabels: Readonly<Record<StackInfo['family'], string>> = {
  'kv-centric': 'KVCache-centric',
  'parameter-centric': 'parameter-centric',
  autoscaling: 'autoscaling',
  bound: 'bound',
  mixed: 'combined families',
  other: 'other',
};

const familyStyles: Readonly<Record<StackInfo['family'], Omit<Look, 'name'>>> = {
  'kv-centric': { hue: colour('stack0'), shape: 'circle' },
  'parameter-centric': { hue: colour('stack1'), shape: 'square' },
  autoscaling: { hue: colour('stack2'), shape: 'triangle-up' },
  mixed: { hue: colour('stack6'), shape: 'diamond' },
  other: { hue: colour('stack4'), shape: 'cross' },
  bound: { hue: colour('bound'), shape: 'triangle-right' },
};

/** How the families of some stacks look where stacks are told apart by name. */
export function familyLooks(stacks: readonly StackInfo[]): Look[] {
  const families = [...new Set(stacks.map(({ family }) => family))];
  return families.map((family) => ({ name: familyLabels[family], ...familyStyles[family] }));
}

/** How one stack looks in every chart: never told apart by colour alone. */
export interface StackStyle {
  readonly colour: string;
  readonly dash: readonly number[];
  readonly shape: string;
}

const dashes: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [9, 3, 2, 3],
  [4, 4],
  [12, 3, 2, 3, 2, 3],
  [14, 4],
  [9, 3, 4, 3],
];
const shapes = ['circle', 'triangle-up', 'square', 'diamond', 'cross', 'triangle-down', 'triangle-right'];

/** The bound is always grey and alone dotted; the others go through the palette in the manifest's order. */
export function styleOf(results: Results, stack: StackInfo): StackStyle {
  if (stack.family === 'bound') return { colour: colour('bound'), dash: [1.5, 2.5], shape: 'triangle-left' };
  const rivals = results.manifest.stacks.filter((other) => other.family !== 'bound');
  const index = Math.max(rivals.indexOf(stack), 0);
  return {
    colour: colour(stackColours[index % stackColours.length] ?? 'stack0'),
    dash: dashes[index % dashes.length] ?? [],
    shape: shapes[index % shapes.length] ?? 'circle',
  };
}

/** How each of some stacks looks, by name. */
export function stackLooks(results: Results, stacks: readonly StackInfo[]): Look[] {
  return stacks.map((stack) => {
    const { colour: hue, dash, shape } = styleOf(results, stack);
    return { name: stack.name, hue, dash, shape };
  });
}

/** Stacks with at least one finished cell, in the manifest's order. */
export function shownStacks(results: Results): readonly StackInfo[] {
  return results.manifest.stacks.filter((stack) => cellsOf(results, stack).length > 0);
}

export function stackNamed(results: Results, name: string): StackInfo | undefined {
  return results.manifest.stacks.find((stack) => stack.name === name);
}

/** Whether a stack stands for a bound that no policy can reach. */
export function isBound(results: Results, name: string): boolean {
  return stackNamed(results, name)?.family === 'bound';
}

/** The first seed that every shown stack finished, for charts that show one run; else the first finished seed. */
export function shownSeed(results: Results): number | undefined {
  const stacks = shownStacks(results);
  const isComplete = (seed: number) =>
    stacks.every((stack) => cellsOf(results, stack).some((cell) => cell.seed === seed));
  return (
    results.manifest.seeds.find(isComplete) ?? results.cells.find((cell) => cell.status === 'done')?.seed
  );
}
