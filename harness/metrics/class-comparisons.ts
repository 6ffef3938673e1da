import type { ComparedValues } from './compared-values.ts';
import { judgeStacks } from './compare.ts';
import { comparedClassMetricKeys } from './metrics.ts';
import { type ComparedCell, ofClass } from './paired-run.ts';
import type { ClassComparison } from './results.ts';
import { judgeTwoFidelity, type TwoFidelityInput } from './two-fidelity.ts';
import { type Judged, withVerdicts } from './verdicts.ts';

/**
 * The comparison of `compareStacks`, class by class. A family of Holm's procedure is one metric over all policies and all classes, so that
 * whatever is tied, at most one run in twenty calls a difference of any policy in any class on one metric. Nothing is compared
 * where there is one class: it is the whole.
 */
export function compareClasses(cells: readonly ComparedCell[], baseline: string): ClassComparison[] {
  return judgeClasses(classNames(cells), (name) =>
    judgeStacks(
      cells.map((cell) => ofClass(cell, name)),
      baseline,
      comparedClassMetricKeys,
    ),
  );
}

/** The same of measured cells with simulated twins and further seeds, as `compareTwoFidelity` does. */
export function compareClassesTwoFidelity(input: TwoFidelityInput, baseline: string): ClassComparison[] {
  const { measured, twins, simulated } = input;
  return judgeClasses(classNames(measured), (name) =>
    judgeTwoFidelity(
      {
        measured: measured.map((cell) => ofClass(cell, name)),
        twins: twins.map((cell) => ofClass(cell, name)),
        simulated: simulated.flatMap((values) => valuesOfClass(values, name)),
      },
      baseline,
      comparedClassMetricKeys,
    ),
  );
}

function judgeClasses(
  names: readonly string[],
  judge: (name: string) => readonly Judged[],
): ClassComparison[] {
  if (names.length < 2) return [];
  const judged = names.flatMap((name) => judge(name).map((one) => ({ name, one })));
  const comparisons = withVerdicts(judged.map(({ one }) => one));
  return comparisons.map((comparison, index) => ({ class: judged[index]?.name ?? '', ...comparison }));
}

function classNames(cells: readonly ComparedCell[]): readonly string[] {
  return [...new Set(cells.flatMap(({ summary }) => Object.keys(summary.classes)))];
}

function valuesOfClass({ policy, seed, values, classes }: ComparedValues, name: string): ComparedValues[] {
  const own = classes[name];
  return own === undefined ? [] : [{ policy, seed, values: { ...values, ...own }, classes: {} }];
}
