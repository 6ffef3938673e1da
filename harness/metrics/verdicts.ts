import { holmRejects } from './holm.ts';
import { metrics, type ComparedMetricKey } from './metrics.ts';
import { type Estimate, tie, tiePValue } from './paired-interval.ts';
import type { Comparison } from './results.ts';

/** Of all policies tied with the baseline on one metric, none is called a difference in so many runs at least: 1 - this. */
const familyLevel = 0.05;

/** A comparison before its verdict, which depends on the others. */
export interface Judged {
  readonly figures: Omit<Comparison, 'verdict' | 'metric'> & { readonly metric: ComparedMetricKey };
  /** The share that the policy has of its own figure and the baseline's; `undefined` where nothing tells how sure it is. */
  readonly share: Estimate | undefined;
}

/** Verdicts by Holm's procedure over each family, which is by default the policies of one metric; in the same order. */
export function withVerdicts(
  judged: readonly Judged[],
  familyOf: (one: Judged) => string = ({ figures }) => figures.metric,
): Comparison[] {
  const differs = new Map<Judged, boolean>();
  for (const name of new Set(judged.map(familyOf))) {
    const family = judged.filter((one) => familyOf(one) === name);
    const pValues = family.map(({ share }) => share && tiePValue(share));
    const rejects = holmRejects(pValues, familyLevel);
    for (const [index, one] of family.entries()) differs.set(one, rejects[index] === true);
  }
  return judged.map((one) => ({ ...one.figures, verdict: verdictOf(one, differs.get(one) === true) }));
}

function verdictOf({ figures, share }: Judged, differs: boolean): Comparison['verdict'] {
  if (share === undefined || !differs) return 'cannot tell';
  const isLower = share.center < tie;
  return isLower === (metrics[figures.metric].better === 'lower') ? 'better' : 'worse';
}

/** `null` for what JSON has no number for. */
export function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
