import { mean } from '../../harness/base/stats.ts';
import { classMetricKeys, metricOf } from '../../harness/metrics/metrics.ts';
import type { ClassMetricKey } from '../../harness/metrics/metrics.ts';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { formatNumber, formatPercent, joinWords } from '../format.ts';
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
<p class="note wide">Means over the seeds, by priority; latencies in ms. Verdicts are on all requests together.</p>
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
      html`<tr data-stack="${stack.name}"><th scope="row">${stack.name}</th>${columns.map(({ key }) => html`<td>${shown(key, meanOf(results, stack, { name, key }))}</td>`)}</tr>`,
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
