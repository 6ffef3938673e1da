import { mean } from '../../harness/base/stats.ts';
import { classMetricKeys, metricOf } from '../../harness/metrics/metrics.ts';
import type { ClassMetricKey } from '../../harness/metrics/metrics.ts';
import type { ClassComparison, StackInfo } from '../../harness/metrics/results.ts';
import { definitionOf } from '../figures.ts';
import { formatInterval, formatNumber, formatPercent, formatRatio, joinWords } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';

/** In two groups: counts and shares, latencies. The page has no room for the middle of the last one. */
const columns: readonly { readonly key: ClassMetricKey; readonly head: string }[] = [
  ...classMetricKeys.filter((key) => !isLatency(key)),
  ...classMetricKeys.filter((key) => isLatency(key) && key !== 'p50_e2el_ms'),
].map((key) => {
  const { heads, label } = metricOf(key);
  return { key, head: heads?.wide ?? label.toLowerCase() };
});

function isLatency(key: ClassMetricKey): boolean {
  return metricOf(key).unit.startsWith('ms');
}

/** One table a class of requests; nothing where there is one class, whose figures are those of the whole. */
export function classTables(results: Results): Markup {
  const stacks = shownStacks(results);
  const names = [
    ...new Set(
      stacks.flatMap((stack) =>
        cellsOf(results, stack).flatMap(({ summary }) => Object.keys(summary.classes)),
      ),
    ),
  ];
  if (names.length < 2) return html``;
  const priority = (name: string) => classNamed(results, name)?.priority ?? 0;
  const ordered = names.toSorted((a, b) => priority(b) - priority(a) || (a < b ? -1 : 1));
  return html`<section aria-labelledby="classes"><h2 id="classes">Classes of requests</h2>
<p class="note wide">Means over the seeds, by priority; latencies in ms. ${verdictNote(results)}</p>
${ordered.map((name) => tableOf(results, name, stacks))}</section>`;
}

function classNamed(results: Results, name: string) {
  return results.classes.find((one) => one.name === name);
}

function tableOf(results: Results, name: string, stacks: readonly StackInfo[]): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Class ${name}"><table class="key">
<caption><strong>${name}</strong>: ${termsOf(results, name)}</caption>
<thead><tr><th scope="col">policy</th>${columns.map(({ head }) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${stacks.map(
    (stack) =>
      html`<tr data-stack="${stack.name}"><th scope="row">${stack.name}</th>${columns.map(({ key }) => html`<td>${figure(results, stack, { name, key })}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** `priority 1; TTFT at most 500 ms and TPOT at most 50 ms`. */
function termsOf(results: Results, name: string): string {
  const known = classNamed(results, name);
  if (known === undefined) return 'not in the configuration';
  const { ttftUs, tpotUs } = known.slo;
  const targets = [
    ...(ttftUs === undefined ? [] : [`TTFT at most ${duration(ttftUs)}`]),
    ...(tpotUs === undefined ? [] : [`TPOT at most ${duration(tpotUs)}`]),
  ];
  const terms = targets.length === 0 ? 'no target, met by finishing' : joinWords(targets);
  return `priority ${formatNumber(known.priority)}; ${terms}`;
}

function duration(us: number): string {
  return us >= 10e6 ? `${formatNumber(us / 1e6)} s` : `${formatNumber(us / 1000)} ms`;
}

function verdictNote(results: Results): string {
  const { class_comparisons: compared } = results.summary;
  if (compared.length === 0) return '';
  const metrics = [...new Set(compared.map(({ metric }) => definitionOf(results, metric).label))];
  return (
    `Marked: surely better (▲) or worse (▼) than ${results.manifest.baseline} on the requests of the class, paired as above; the ratio with its 95 % interval is under the pointer. ` +
    `Compared are ${joinWords(metrics)}. Each is corrected (Holm) for all policies in all classes together: whatever is tied, at most one run in twenty calls a difference anywhere on one metric.`
  );
}

/** The mean, with the verdict where something can be told. */
function figure(
  results: Results,
  stack: StackInfo,
  of: { readonly name: string; readonly key: ClassMetricKey },
): Markup {
  const value = shown(of.key, meanOf(results, stack, of));
  const comparison = results.summary.class_comparisons.find(
    (one) => one.class === of.name && one.metric === of.key && one.policy === stack.name,
  );
  if (comparison === undefined) return html`${value}`;
  const { verdict } = comparison;
  return html`<span class="${verdict === 'cannot tell' ? '' : verdict}" title="${verdictWords(comparison)}">${value}</span>`;
}

function verdictWords({
  baseline,
  verdict,
  ratio,
  ratio_low: low,
  ratio_high: high,
}: ClassComparison): string {
  const extent = ratio === null ? 'no ratio' : `${formatRatio(ratio)} (95 %: ${formatInterval(low, high)})`;
  return `against ${baseline}: ${extent}, ${verdict}`;
}

function meanOf(
  results: Results,
  stack: StackInfo,
  { name, key }: { name: string; key: ClassMetricKey },
): number | undefined {
  return mean(cellsOf(results, stack).flatMap(({ summary }) => summary.classes[name]?.[key] ?? []));
}

function shown(key: ClassMetricKey, value: number | undefined): string {
  return key === 'slo_attainment' ? formatPercent(value) : formatNumber(value);
}
