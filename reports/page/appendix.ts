import type { CellSummary } from '../../harness/metrics/results.ts';
import { clusterEventRows } from '../../harness/metrics/rows/cluster-event-row.ts';
import { decisionRows } from '../../harness/metrics/rows/decision-row.ts';
import { migrationRows } from '../../harness/metrics/rows/migration-row.ts';
import { requestRows } from '../../harness/metrics/rows/request-row.ts';
import { timeseriesRows } from '../../harness/metrics/rows/timeseries-row.ts';
import { transferRows } from '../../harness/metrics/rows/transfer-row.ts';
import { formatMetric, formatNumber, undefinedMark } from '../format.ts';
import { definitionOf } from '../figures.ts';
import { doneCells } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';

/** What stands behind the figures: failures, scale model, definitions, how to run again, every metric, raw files. */
export function appendix(results: Results): Markup {
  return html`${failures(results)}${scaleModel(results)}${definitions(results)}${rerun(results)}${everyMetric(results)}${rawFiles(results)}`;
}

function failures(results: Results): Markup {
  const lost = results.cells.filter((cell) => cell.status !== 'done');
  if (lost.length === 0) return html``;
  return html`<section aria-labelledby="failed"><h2 id="failed">Cells that did not finish</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Cells that did not finish"><table>
<thead><tr><th scope="col">cell</th><th scope="col" class="text">policy</th><th scope="col">seed</th><th scope="col" class="text">status</th><th scope="col" class="text">error</th></tr></thead>
<tbody>${lost.map(
    (cell) =>
      html`<tr data-stack="${cell.policy}"><th scope="row">${cell.id}</th><td class="text">${cell.policy}</td><td>${cell.seed}</td><td class="text">${cell.status}</td><td class="text wrap">${cell.error}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function scaleModel({ manifest }: Results): Markup {
  if (manifest.scale_model.length === 0) return html``;
  return html`<section aria-labelledby="scale"><h2 id="scale">Scale model</h2>
<p>A small model on a small machine says something about a large one only where these ratios without units agree.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Scale model"><table>
<thead><tr><th scope="col">ratio</th><th scope="col">this run</th><th scope="col">published system</th><th scope="col" class="text">source</th></tr></thead>
<tbody>${manifest.scale_model.map(
    (row) =>
      html`<tr><th scope="row" class="wrap">${row.label}</th><td>${formatNumber(row.value)}</td><td>${formatNumber(row.reference)}</td><td class="text wrap">${row.source}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function definitions(results: Results): Markup {
  return html`<section aria-labelledby="definitions"><h2 id="definitions">Definitions</h2>
<p>A comparison pairs the same requests of the same seeds; a request that was never answered counts in it as infinitely late. The intervals are of 95 %, each for itself. The verdicts are corrected for the number of policies (Holm): on any one metric, whatever the number of policies that are tied with the baseline, at most one run in twenty calls one of them a difference. So an interval can leave out 1 and the verdict still be that nothing can be told.</p>
<dl class="definitions">${Object.entries(results.definitions).map(
    ([key, { label, unit, formula, undefinedWhen }]) =>
      html`<div><dt>${label} <code>${key}</code></dt><dd>${formula} <span class="unit">${unit}${undefinedWhen === undefined ? '' : `; undefined when ${undefinedWhen}`}</span></dd></div>`,
  )}</dl></section>`;
}

function rerun({ manifest }: Results): Markup {
  const facts: readonly (readonly [string, string])[] = [
    ['Seeds', manifest.seeds.join(', ')],
    ['Commit', manifest.commit ?? 'unknown: not run from a repository'],
    ...Object.entries(manifest.versions),
    ...manifest.traces.map(({ file, sha256 }) => [file, `sha256 ${sha256}`] as const),
  ];
  return html`<section aria-labelledby="rerun"><h2 id="rerun">Run it again</h2>
<pre><code>${manifest.command}</code></pre>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<details><summary>Policies of each stack</summary>
<div class="scroll"><table><thead><tr><th scope="col">stack</th><th scope="col" class="text">policies, asked in this order</th></tr></thead>
<tbody>${manifest.stacks.map(
    (stack) =>
      html`<tr data-stack="${stack.name}"><th scope="row">${stack.name}</th><td class="text wrap">${stack.policies.map((policy) => `${policy.name} ${JSON.stringify(policy.params)}`).join(' → ')}</td></tr>`,
  )}</tbody></table></div></details>
<p class="note">Everything after resolution, defaults included, is in <a href="manifest.json">manifest.json</a>.</p></section>`;
}

function everyMetric(results: Results): Markup {
  const cells = doneCells(results);
  const first = cells[0];
  if (first === undefined) return html``;
  const flat = cells.map((cell) => flatten(cell.summary));
  const keys = [...new Set(flat.flatMap((figures) => [...figures.keys()]))];
  return html`<section class="every-metric" aria-labelledby="all"><h2 id="all">Every metric of every cell</h2>
<details><summary>${keys.length} metrics of ${cells.length} cells; the same figures are in summary.json</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Every metric of every cell"><table>
<thead><tr><th scope="col">metric</th>${cells.map((cell) => html`<th scope="col" data-stack="${cell.policy}">${cell.policy}, seed ${cell.seed}</th>`)}</tr></thead>
<tbody>${keys.map(
    (key) =>
      html`<tr><th scope="row"><code>${key}</code></th>${flat.map((figures) => html`<td>${shown(results, key, figures.get(key))}</td>`)}</tr>`,
  )}</tbody></table></div></details></section>`;
}

const identity: readonly string[] = ['id', 'policy', 'seed'];

/** Numbers by key; those of a class as `class: key`, those of a policy as `policy.figure`. */
function flatten(summary: CellSummary): Map<string, number | null> {
  const figures = new Map<string, number | null>();
  for (const [key, value] of Object.entries(summary)) {
    if (identity.includes(key)) continue;
    if (typeof value === 'number' || value === null) figures.set(key, value);
  }
  for (const [name, values] of Object.entries(summary.classes)) {
    for (const [key, value] of Object.entries(values)) figures.set(`${name}: ${key}`, value);
  }
  for (const [key, value] of Object.entries(summary.policy_stats)) figures.set(key, value);
  return figures;
}

function shown(results: Results, key: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return undefinedMark;
  return formatMetric(value, definitionOf(results, key).unit);
}

function rawFiles(results: Results): Markup {
  return html`<section aria-labelledby="raw"><h2 id="raw">Raw files</h2>
<p>Every figure comes from these files: <a href="manifest.json">manifest.json</a>, <a href="summary.json">summary.json</a>, and for each cell</p>
<details><summary>files of ${doneCells(results).length} cells</summary><div class="scroll"><table>
<thead><tr><th scope="col">cell</th>${fileNames.map((name) => html`<th scope="col" class="text">${name}</th>`)}</tr></thead>
<tbody>${doneCells(results).map(fileLine)}</tbody></table></div></details></section>`;
}

const fileNames = [
  requestRows,
  timeseriesRows,
  decisionRows,
  transferRows,
  clusterEventRows,
  migrationRows,
].map(({ file }) => file);

function fileLine({ id, policy, seed }: DoneCell): Markup {
  const folder = `cells/${encodeURIComponent(id)}`;
  return html`<tr data-stack="${policy}"><th scope="row">${policy}, seed ${seed}</th>${fileNames.map((name) => html`<td class="text"><a href="${folder}/${name}">${name}</a></td>`)}</tr>`;
}
