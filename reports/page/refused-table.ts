import { group, sum } from 'd3-array';
import type { DecisionRow, StackInfo } from '../../harness/metrics/results.ts';
import { cut, cutText } from '../cut-text.ts';
import { formatNumber, formatPercent } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';
import { swatch } from './swatch.ts';

/** Rows of one stack; further ones are added up. */
const mostRows = 6;

/** Decisions of one kind of a policy that the core refused for one reason. */
interface Refusals {
  readonly policy: string;
  readonly kind: string;
  /** As of the first of them: the others may name other requests and groups. */
  readonly error: string;
  readonly reason: string;
  readonly count: number;
  /** Decisions of this kind of this policy, refused or not. */
  readonly ofAll: number;
}

/** Decisions that the core refused, by reason; nothing where it refused none. */
export function refusedTable(results: Results): Markup {
  const stacks = shownStacks(results).map((stack) => ({ stack, all: refusalsOf(cellsOf(results, stack)) }));
  const total = sum(stacks, ({ all }) => sum(all, ({ count }) => count));
  if (total === 0) return html``;
  return html`<section aria-labelledby="refused"><h2 id="refused">Decisions refused</h2>
<p class="note wide">${formatNumber(total)} in all cells, over all seeds. The core refuses a decision that cannot be applied, whole, and says why; refusals that differ only in numbers are counted together, under the words of the first.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Decisions refused"><table>
<thead><tr><th scope="col">stack</th><th scope="col" class="text">decision</th><th scope="col">refused</th><th scope="col">of its kind</th><th scope="col" class="text">why the core refused</th><th scope="col" class="text">why the policy wanted it</th></tr></thead>
<tbody>${stacks.flatMap(({ stack, all }) => linesOf(results, stack, all))}</tbody></table></div></section>`;
}

function refusalsOf(cells: readonly DoneCell[]): Refusals[] {
  const decisions = cells.flatMap((cell) => cell.decisions);
  const all = [...group(decisions, kindOf).values()].flatMap((own) => {
    const refused = own.filter(({ outcome }) => outcome === 'rejected');
    return [...group(refused, withoutNumbers).values()].flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const { policy, kind, reason, error = 'no reason given' } = first;
      return [{ policy, kind, reason, error, count: same.length, ofAll: own.length }];
    });
  });
  return all.toSorted((a, b) => b.count - a.count);
}

function kindOf({ policy, kind }: DecisionRow): string {
  return JSON.stringify([policy, kind]);
}

function withoutNumbers({ error = '' }: DecisionRow): string {
  return error.replaceAll(/\d+/g, '#');
}

function linesOf(results: Results, stack: StackInfo, all: readonly Refusals[]): Markup[] {
  const { name } = stack;
  const head = html`<th scope="row">${swatch(results, stack)}${name}</th>`;
  const lines = all.slice(0, mostRows).map(({ policy, kind, error, reason, count, ofAll }) => {
    return html`<tr data-stack="${name}">${head}<td class="text">${kind}<span class="range">${cut(policy, 40)}</span></td><td>${formatNumber(count)}</td><td>${formatPercent(count / ofAll)}</td><td class="text wrap">${cutText(error)}</td><td class="text wrap">${cutText(reason)}</td></tr>`;
  });
  const left = all.slice(mostRows);
  if (left.length === 0) return lines;
  const further = html`<tr data-stack="${name}">${head}<td class="text">others</td><td>${formatNumber(sum(left, ({ count }) => count))}</td><td></td><td class="text wrap">${formatNumber(left.length)} further reasons, in decisions.jsonl</td><td></td></tr>`;
  return [...lines, further];
}
