import { mean } from '../../harness/base/stats.ts';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { formatNumber, undefinedMark } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';

/** Figures that policies count themselves, mean over the seeds; nothing where no policy reports any. */
export function policyFigures(results: Results): Markup {
  const stacks = shownStacks(results).filter((stack) => keysOf(results, stack).length > 0);
  if (stacks.length === 0) return html``;
  const keys = [...new Set(stacks.flatMap((stack) => keysOf(results, stack)))];
  return html`<section aria-labelledby="policy-figures"><h2 id="policy-figures">What the policies report about themselves</h2>
<p class="note wide">Means over seeds, so that a count may have a fraction, over those seeds that define the figure; ${undefinedMark} where none does, or the stack does not run the policy. Each policy defines its own figures and their units.</p>
<div class="scroll" tabindex="0" role="region" aria-label="What the policies report about themselves"><table>
<thead><tr><th scope="col">policy and figure</th>${stacks.map(({ name }) => html`<th scope="col" data-stack="${name}">${name}</th>`)}</tr></thead>
<tbody>${keys.map(
    (key) =>
      html`<tr><th scope="row" class="wrap">${nameOf(key)}</th>${stacks.map((stack) => html`<td>${formatNumber(meanOf(results, stack, key))}</td>`)}</tr>`,
  )}</tbody></table></div></section>`;
}

function keysOf(results: Results, stack: StackInfo): readonly string[] {
  return [...new Set(cellsOf(results, stack).flatMap(({ summary }) => Object.keys(summary.policy_stats)))];
}

/** `policy.some_figure` as `policy: some figure`. */
function nameOf(key: string): string {
  return key.replace('.', ': ').replaceAll('_', ' ');
}

function meanOf(results: Results, stack: StackInfo, key: string): number | undefined {
  const values = cellsOf(results, stack).flatMap(({ summary }) => summary.policy_stats[key] ?? []);
  return mean(values);
}
