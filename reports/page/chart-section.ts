import type { Absent, Chart, ChartTable, Drawing } from '../charts/chart.ts';
import { cutText } from '../cut-text.ts';
import { html, jsonMarkup } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { packRows } from './pack-rows.ts';

/** A chart that has been drawn, or the reason why not. */
export interface NamedDrawing {
  readonly name: string;
  readonly chart: Chart;
  readonly drawing: Drawing;
}

/** All charts, each with its question, its answer and how to read it; at the end those with nothing to draw. */
export function chartSection(drawings: readonly NamedDrawing[]): Markup {
  return html`<section aria-labelledby="charts"><h2 id="charts">What happened</h2>
<noscript><p class="alarm">The pictures need JavaScript. Their answers, all tables and the spec files of the charts are here without it.</p></noscript>
${drawings.map(({ name, chart, drawing }) => (drawing.kind === 'absent' ? undefined : figure(name, chart, drawing)))}${notDrawn(drawings)}</section>`;
}

function figure(name: string, chart: Chart, drawing: Exclude<Drawing, Absent>): Markup {
  const { $schema: _, ...spec } = drawing.spec;
  return html`<figure aria-labelledby="chart-${name}"><h3 id="chart-${name}">${chart.title}</h3><p class="question">${chart.question}</p><p class="answer">${drawing.answer}</p>
<div class="picture" data-chart="${name}" role="img" aria-label="${chart.title}. ${drawing.answer}"></div>
<figcaption>${drawing.caption} <a href="charts/${name}.vl.json">Vega-Lite spec</a></figcaption>${drawing.table === undefined ? undefined : tableBelow(drawing.table)}
<script type="application/json" id="spec-${name}">${jsonMarkup(packRows(spec))}</script></figure>`;
}

/** Open at first, since a closed one is not printed. */
function tableBelow({ title, head, rows, rest }: ChartTable): Markup {
  return html`<details class="below" open><summary>${title}</summary><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr>${head.map((name) => html`<th scope="col" class="text">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr${head[0] === 'stack' ? html` data-stack="${row[0]}"` : undefined}>${row.map((text) => html`<td class="text">${cutText(text)}</td>`)}</tr>`)}</tbody></table></div>${rest === '' ? undefined : html`<p class="note">${rest}</p>`}</details>`;
}

function notDrawn(drawings: readonly NamedDrawing[]): Markup | undefined {
  const left = drawings.flatMap(({ chart, drawing }) =>
    drawing.kind === 'absent' ? [{ title: chart.title, reason: drawing.reason }] : [],
  );
  if (left.length === 0) return undefined;
  return html`<h3>Not drawn</h3><ul class="note">${left.map(({ title, reason }) => html`<li>${title}: ${reason}</li>`)}</ul>`;
}
