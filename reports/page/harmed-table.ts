import type { DecisionRow, RequestRow } from '../../harness/metrics/results.ts';
import { shareOfPoints } from '../charts/chart.ts';
import { cutText } from '../cut-text.ts';
import { ttftMsOf } from '../figures.ts';
import { formatNumber, plural } from '../format.ts';
import { decisionsByRequest, e2eMsOf, harmedRequests } from '../harmed.ts';
import type { Harmed } from '../harmed.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';
import { swatch } from './swatch.ts';

/** Rows of all stacks together. */
const allRows = 40;
/** Decisions that are written out for one request. */
const mostDecisions = 8;

/** How many harmed requests of each stack the page shows. */
export function harmedPerStack(results: Results): number {
  return shareOfPoints(allRows, shownStacks(results).length, { least: 2, most: 5 });
}

/** The requests that each stack harmed most, with the decisions about them; nothing where none was harmed. */
export function harmedTable(results: Results): Markup {
  const most = harmedPerStack(results);
  const harmed = harmedRequests(results, most);
  if (harmed.length === 0) return html``;
  const { baseline } = results.manifest;
  const cells = new Set(harmed.map(({ cell }) => cell));
  const decisions = new Map([...cells].map((cell) => [cell, decisionsByRequest(cell)]));
  return html`<section aria-labelledby="harmed"><h2 id="harmed">Requests harmed most</h2>
<p class="note wide">Of each stack the ${most} requests that lost most against ${baseline} on the same seed: those that only ${baseline} finished, then by the larger of the increases of TTFT and of end-to-end latency (E2E). In milliseconds, ${baseline}’s in brackets. A request’s number opens its timeline in both.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Requests harmed most"><table class="key harmed">
<thead><tr><th scope="col">policy</th><th scope="col" class="text">request</th><th scope="col" class="text">class</th><th scope="col">arrived, s</th><th scope="col">TTFT</th><th scope="col">E2E</th><th scope="col">later by</th><th scope="col" class="text">decisions about it</th></tr></thead>
<tbody>${harmed.map((one) => line(results, one, decisions.get(one.cell)?.get(one.row.id)))}</tbody></table></div></section>`;
}

function line(
  results: Results,
  { stack, cell, row, baseline, increaseMs }: Harmed,
  decisions: readonly DecisionRow[] = [],
): Markup {
  const pair = (of: (row: RequestRow) => number | undefined) =>
    html`<td>${formatNumber(of(row))}<span class="range">(${formatNumber(of(baseline))})</span></td>`;
  const later = increaseMs === Infinity ? row.status : formatNumber(increaseMs);
  return html`<tr data-stack="${stack.name}"><th scope="row">${swatch(results, stack)}${stack.name}</th><td class="text"><button type="button" class="opener" data-opens="${stack.name}" data-seed="${cell.seed}" data-request="${row.id}">${row.id}</button><span class="range">seed ${cell.seed}</span></td><td class="text">${row.class}</td><td>${formatNumber(row.arrived_at_us / 1e6)}</td>${pair(ttftMsOf)}${pair(e2eMsOf)}<td>${later}</td><td class="text wrap">${decisionList(row, decisions)}</td></tr>`;
}

function decisionList(row: RequestRow, decisions: readonly DecisionRow[]): Markup {
  if (decisions.length === 0) return html`none`;
  const rest = decisions.length - mostDecisions;
  const kinds = [...new Set(decisions.map(({ kind }) => kind))].join(', ');
  return html`<details><summary>${plural(decisions.length, 'decision')}: ${kinds}</summary><ol>${decisions
    .slice(0, mostDecisions)
    .map(
      (decision) => html`<li>${decisionWords(row, decision)}</li>`,
    )}</ol>${rest > 0 ? html`<p>${rest} more in decisions.jsonl</p>` : undefined}</details>`;
}

function decisionWords(
  row: RequestRow,
  { time_us: timeUs, policy, kind, reason, error }: DecisionRow,
): Markup {
  const refused = error === undefined ? undefined : html`; refused: ${cutText(error)}`;
  return html`${formatNumber((timeUs - row.arrived_at_us) / 1000)} ms: ${kind} (${policy}): ${cutText(reason)}${refused}`;
}
