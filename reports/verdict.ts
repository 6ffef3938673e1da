import type { ComparedMetricKey } from '../harness/metrics/metrics.ts';
import type { Comparison, StackInfo } from '../harness/metrics/results.ts';
import { comparisonsOf, definitionOf } from './figures.ts';
import {
  formatInterval,
  formatMetric,
  formatNumber,
  formatPercent,
  formatRatio,
  joinWords,
  listOrExtremes,
  plural,
} from './format.ts';
import type { Scored } from './format.ts';
import type { Results } from './load.ts';
import { familyLabels, stackNamed } from './stacks.ts';

/** What a user feels and what it costs; the other compared metrics are in the chart of all of them. */
export const headlineMetrics = [
  'p99_ttft_ms',
  'p50_ttft_ms',
  'p99_tpot_ms',
  'p50_tpot_ms',
  'slo_attainment',
  'goodput_rps',
  'instance_seconds',
] as const satisfies readonly ComparedMetricKey[];

/** What the run says about one metric, in words. */
export interface MetricVerdict {
  readonly metric: string;
  readonly label: string;
  readonly outcome: 'wins' | 'shared' | 'baseline holds' | 'cannot tell';
  /** Who stands ahead, with the family; empty when nobody can be named. */
  readonly winners: readonly StackInfo[];
  /** Who is surely worse than the baseline, whoever stands ahead. */
  readonly losers: readonly StackInfo[];
  readonly sentence: string;
  /** By how much, how sure, and where that stands beside the bound. */
  readonly detail: string;
}

/** One verdict a headline metric that was compared; stacks that are bounds or oracles never win. */
export function verdictsOf(results: Results): readonly MetricVerdict[] {
  return headlineMetrics.flatMap((metric) => {
    const rivals = comparisonsOf(results, metric).filter((comparison) => isRival(results, comparison.policy));
    return rivals.length === 0 ? [] : [verdictOn(results, metric, rivals)];
  });
}

/** One sentence over all metrics; each leader is named once, with its family. */
export function headline(results: Results, verdicts: readonly MetricVerdict[]): string {
  const { baseline } = results.manifest;
  if (verdicts.length === 0) return `Nothing to compare with ${baseline}: no other stack finished.`;
  const open = verdicts.filter(({ outcome, losers }) => outcome === 'cannot tell' && losers.length === 0);
  if (open.length === verdicts.length) {
    return `Against ${baseline}: cannot tell on any of ${verdicts.length} headline metrics.`;
  }
  const parts = [...ahead(verdicts), ...behind(verdicts)];
  if (open.length > 0) parts.push(`cannot tell on ${listOrCount(open, verdicts.length)}`);
  return `Against ${baseline}: ${parts.join('; ')}.`;
}

/** What each leader leads on; where others cannot be told from it, the metric is marked as shared. */
function ahead(verdicts: readonly MetricVerdict[]): string[] {
  const byLeader = new Map<StackInfo, string[]>();
  for (const { winners, label, outcome } of verdicts) {
    const leader = winners[0];
    if (leader === undefined) continue;
    const words = outcome === 'shared' ? `${inSentence(label)} (shared)` : inSentence(label);
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), words]);
  }
  return [...byLeader].map(([leader, won]) => `${withFamily(leader)} ahead on ${joinWords(won)}`);
}

/** More groups of losers than this are counted. */
const mostLosing = 2;

/** Who is worse on what, stacks that lose on the same metrics together. */
function behind(verdicts: readonly MetricVerdict[]): string[] {
  const losers = [...new Set(verdicts.flatMap((verdict) => verdict.losers))];
  const byMetrics = new Map<string, StackInfo[]>();
  for (const stack of losers) {
    const lost = verdicts.filter((verdict) => verdict.losers.includes(stack));
    const words = joinWords(lost.map(({ label }) => inSentence(label)));
    byMetrics.set(words, [...(byMetrics.get(words) ?? []), stack]);
  }
  if (byMetrics.size > mostLosing) return [`${losers.length} stacks worse on one metric or more`];
  return [...byMetrics].map(([words, stacks]) => `${joinWords(stacks.map(nameOf))} worse on ${words}`);
}

/** Names of a few metrics, or how many of all they are. */
function listOrCount(some: readonly MetricVerdict[], numAll: number): string {
  if (some.length > 3) return `${some.length} of ${numAll} headline metrics`;
  return joinWords(some.map(({ label }) => inSentence(label)));
}

/** `Goodput` as `goodput`, but `TTFT p99` as it is. */
function inSentence(label: string): string {
  return /^\p{Lu}\p{Ll}/u.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
}

/** How much of the baseline's tail is due to memory: the same beside the bound. Empty where no bound ran. */
export function headroomNote(results: Results): string {
  const bounds = comparisonsOf(results, headlineMetrics[0]).filter(
    ({ policy }) => stackNamed(results, policy)?.family === 'bound',
  );
  const { label, unit } = definitionOf(results, headlineMetrics[0]);
  return bounds
    .map((bound) => {
      const free = `Under the bound ${bound.policy}, ${label} is ${formatMetric(bound.value, unit)}`;
      const own = `instead of ${formatMetric(bound.baseline_value, unit)}`;
      const isSure = bound.verdict === 'better';
      return `${free} ${own}: ${isSure ? 'so much is due to memory' : 'memory is not surely what limits it'}.`;
    })
    .join(' ');
}

/** Whether the run compares families at all, and what it cannot say. */
export function familyNote(results: Results): string {
  const rivals = results.manifest.stacks.filter((stack) => stack.family !== 'bound' && !stack.is_oracle);
  const families = [...new Set(rivals.map((stack) => familyLabels[stack.family]))];
  if (families.length > 1) return `Families compared: ${joinWords(families)}.`;
  return `All stacks here are of one family (${joinWords(families)}): this run says which of them wins, not which family.`;
}

function isRival(results: Results, name: string): boolean {
  const stack = stackNamed(results, name);
  return stack !== undefined && stack.family !== 'bound' && !stack.is_oracle;
}

function verdictOn(results: Results, metric: string, rivals: readonly Comparison[]): MetricVerdict {
  const { label } = definitionOf(results, metric);
  const { baseline } = results.manifest;
  const better = rivals.filter(({ verdict }) => verdict === 'better').toSorted((a, b) => gain(b) - gain(a));
  const losers = stacksOf(
    results,
    rivals.filter(({ verdict }) => verdict === 'worse'),
  );
  const leader = better[0];
  if (leader === undefined) {
    const isWorse = losers.length === rivals.length;
    const outcome = isWorse ? ('baseline holds' as const) : ('cannot tell' as const);
    const sentence = isWorse
      ? `${baseline} holds: ${losers.length === 1 ? joinWords(losers.map(nameOf)) : 'all others'} worse`
      : `none surely better${alsoWorse(losers) || ': cannot tell'}`;
    return {
      metric,
      label,
      outcome,
      winners: [],
      losers,
      sentence,
      detail: listOrExtremes(rivals.map(scored)),
    };
  }
  const tied = better.filter((other) => overlaps(leader, other));
  const winners = stacksOf(results, tied);
  const names = joinWords(firstOf(winners.map(withFamily)));
  const lead = tied.length === 1 ? `${names} wins` : `${names} lead; which of them is best is open`;
  return {
    metric,
    label,
    outcome: tied.length === 1 ? 'wins' : 'shared',
    winners,
    losers,
    sentence: `${lead}${alsoWorse(losers)}`,
    detail: `${firstOf(tied.map((one) => `${extent(one)}, ${values(results, one)}`)).join('; ')}${headroom(results, leader)}`,
  };
}

/** More leaders of one metric than this are counted. */
const mostLeading = 3;

function firstOf(words: readonly string[]): readonly string[] {
  const numLeft = words.length - mostLeading;
  return numLeft < 1 ? words : [...words.slice(0, mostLeading), `${numLeft} more`];
}

function stacksOf(results: Results, comparisons: readonly Comparison[]): readonly StackInfo[] {
  return comparisons.flatMap(({ policy }) => stackNamed(results, policy) ?? []);
}

function alsoWorse(losers: readonly StackInfo[]): string {
  return losers.length === 0 ? '' : `; ${joinWords(losers.map(nameOf))} worse`;
}

function nameOf({ name }: StackInfo): string {
  return name;
}

function withFamily(stack: StackInfo): string {
  return `${stack.name} (${familyLabels[stack.family]})`;
}

/** Distance from the baseline on the better side, whichever that is. */
function gain({ ratio }: Comparison): number {
  return ratio === null || ratio <= 0 ? Infinity : Math.abs(Math.log(ratio));
}

/** Whether their intervals touch; an open end reaches everything. */
function overlaps(a: Comparison, b: Comparison): boolean {
  return startsBelowEnd(a, b) && startsBelowEnd(b, a);
}

function startsBelowEnd(a: Comparison, b: Comparison): boolean {
  return (a.ratio_low ?? -Infinity) <= (b.ratio_high ?? Infinity);
}

/** Ratio, or difference where a zero leaves the ratio undefined, with its interval. */
function extent(comparison: Comparison): string {
  const { policy, ratio, difference } = comparison;
  if (ratio !== null) {
    return `${policy} ${formatRatio(ratio)} (95 %: ${formatInterval(comparison.ratio_low, comparison.ratio_high)})`;
  }
  // An endless latency is worse or better for sure, or has an end; what no request has (the TPOT of one token) has neither.
  const isUndefined = comparison.ratio_low === null && comparison.verdict === 'cannot tell';
  if (difference === undefined || difference === null) {
    return isUndefined ? `${policy} has no figure to compare` : `${policy} left requests unanswered`;
  }
  const sign = difference > 0 ? '+' : '';
  const interval = formatInterval(comparison.difference_low ?? null, comparison.difference_high ?? null);
  return `${policy} ${sign}${formatNumber(difference)} (95 %: ${interval})`;
}

function scored(comparison: Comparison): Scored {
  return { text: extent(comparison), score: comparison.ratio ?? 0 };
}

/** The figures themselves; where seeds were simulated as well, the mean of those beside the measured ones. */
function values(results: Results, comparison: Comparison): string {
  const { metric, value, baseline_value: baseline, simulated_value: simulated } = comparison;
  const { unit } = definitionOf(results, metric);
  const pair = (one: number | null | undefined, other: number | null | undefined) =>
    `${formatMetric(one ?? null, unit)} against ${formatMetric(other ?? null, unit)}`;
  if (simulated === undefined) return pair(value, baseline);
  const seeds = plural(comparison.num_simulated_seeds ?? 0, 'simulated seed');
  return `${pair(value, baseline)} measured, ${pair(simulated, comparison.simulated_baseline_value)} over ${seeds}`;
}

/**
 * How much of the way from the baseline to the unlimited bound the leader goes. A leader may pass it: memory is all that the
 * bound has without limit, and a pipeline that shares out the chunks of a prompt has more compute for it.
 */
function headroom(results: Results, leader: Comparison): string {
  const bound = comparisonsOf(results, leader.metric).find(
    ({ policy }) => stackNamed(results, policy)?.family === 'bound',
  );
  if (bound?.value === undefined || bound.value === null) return '';
  if (leader.value === null || leader.baseline_value === null || bound.verdict !== 'better') return '';
  const share = (leader.value - leader.baseline_value) / (bound.value - leader.baseline_value);
  if (!Number.isFinite(share) || share < 0) return '';
  if (share > 1) return `; past ${bound.policy}, which bounds only what memory gives`;
  return `; ${formatPercent(share)} of the way to ${bound.policy}`;
}
