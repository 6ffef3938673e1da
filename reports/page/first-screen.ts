import { formatBytes } from '../../harness/base/units.ts';
import type { Figure } from '../figures.ts';
import { faultWords } from '../faults.ts';
import { definitionOf } from '../figures.ts';
import { formatNumber, formatPercent, plural, undefinedMark } from '../format.ts';
import { fewSamplesNotes, keyColumns, keyRows, notFinishedNote, verdictMetric } from '../key-numbers.ts';
import type { Column, KeyRow } from '../key-numbers.ts';
import { doneCells } from '../load.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { setUpOf } from '../set-up.ts';
import { familyLabels } from '../stacks.ts';
import { clockNote, disturbedNotes, fidelityNote, seedsNote } from '../trust.ts';
import { familyNote, headline, headroomNote, verdictsOf } from '../verdict.ts';
import { swatch } from './swatch.ts';

/** What a reader sees first: who wins, how sure that is, and how the figures were made. */
export function masthead(results: Results): Markup {
  const { manifest } = results;
  const verdicts = verdictsOf(results);
  return html`<header>
<p class="kicker">servebench report · ${manifest.created_at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</p>
<h1>${manifest.name}</h1>
${modeBadge(results)}
<p class="lead">${headline(results, verdicts)} ${headroomNote(results)}</p>
<p class="note wide">${familyNote(results)} Compared with ${manifest.baseline}, paired by seed and request; better or worse is said only where that is sure at 95 %, corrected for the number of policies compared (Holm). A bound is no rival: it shows what memory that never runs out would give, and can itself be beaten, for instance where a pipeline shares out the chunks of a prompt.${faultSentence(results)}</p>
${trustNote(results)}
${troubleNote(results)}
</header>`;
}

/** Who wins on what, by how much, the key figures, and the run that they come from. */
export function keySections(results: Results): Markup {
  return html`<section aria-labelledby="verdicts">
<h2 id="verdicts">Who wins on what</h2>
<ul class="verdicts">${verdictsOf(results).map(
    (verdict) =>
      html`<li><span class="metric">${verdict.label}</span><span>${verdict.sentence}</span><span class="detail">${verdict.detail}</span></li>`,
  )}</ul>
</section>
<section aria-labelledby="numbers"><h2 id="numbers">Key numbers</h2>${keyTable(results)}</section>
<section aria-labelledby="facts"><h2 id="facts">The run</h2>${facts(results)}</section>`;
}

function faultSentence(results: Results): string {
  const words = faultWords(doneCells(results));
  return words === '' ? '' : ` Faults: ${words}.`;
}

function modeBadge({ manifest }: Results): Markup {
  const { mode, name, device } = manifest.backend;
  if (mode === 'simulate') {
    return html`<p class="mode mode-simulated">SIMULATED by a cost model (${device}); nothing was executed</p>`;
  }
  const how = mode === 'replay' ? 'Replayed from recorded step times of' : 'Measured on';
  return html`<p class="mode">${how} ${name}, ${device}</p>`;
}

/** In whose time, on how many seeds, and whether the simulator agrees: of measured runs. */
function trustNote(results: Results): Markup {
  const notes = [clockNote(results), seedsNote(results), fidelityNote(results)].filter((note) => note !== '');
  if (notes.length === 0) return html``;
  const link = results.summary.fidelity === undefined ? '' : html` <a href="#fidelity">Stack by stack.</a>`;
  return html`<p class="note wide"><strong>Trust</strong> ${notes.join(' ')}${link}</p>`;
}

/** Below this number of seeds about one tie in four is called a difference (see harness/metrics/compare.ts). */
const enoughSeeds = 3;

/** What a reader must know before believing a figure: lost cells, doubtful measurements, too few seeds. */
function troubleNote(results: Results): Markup {
  return html`${lostCells(results)}${doubts(results)}${fewSeeds(results)}`;
}

function doubts(results: Results): Markup {
  const { manifest } = results;
  const doubtful = manifest.cells.filter(({ warnings = [] }) => warnings.length > 0);
  const items = [
    ...doubtful.map(({ id, warnings = [] }) => `${id}: ${warnings.join('; ')}`),
    ...disturbedNotes(results),
    ...(manifest.twins?.problems ?? []),
  ];
  if (items.length === 0) return html``;
  return html`<ul class="alarm">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

function fewSeeds({ manifest }: Results): Markup {
  const numSeeds = manifest.seeds.length;
  // With simulated seeds beside them, few measured ones are enough.
  if (numSeeds >= enoughSeeds || manifest.stacks.length < 2 || manifest.twins !== undefined) return html``;
  return html`<p class="alarm">Only ${plural(numSeeds, 'seed')}: verdicts are unsure below ${enoughSeeds}, where about one tie in four is called a difference.</p>`;
}

function lostCells(results: Results): Markup {
  const numLost = results.cells.length - doneCells(results).length;
  if (numLost === 0) return html``;
  return html`<p class="alarm">${plural(numLost, 'cell')} of ${results.cells.length} did not finish; figures leave them out. <a href="#failed">See which and why.</a></p>`;
}

function keyTable(results: Results): Markup {
  const metric = verdictMetric(results);
  const by = metric === undefined ? '' : ` The verdict is on ${definitionOf(results, metric).label}.`;
  return html`<p class="note wide">Mean over the seeds of each seed’s figure; below it the range over the seeds. TTFT is that of requests with a first token and TPOT that of completed ones: a stack that leaves some behind is marked.${by} ${fewSamplesNotes(results).join(' ')}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Key numbers"><table class="key">
<thead><tr><th scope="col">policy</th>${keyColumns.map(({ wide }) => html`<th scope="col">${wide}</th>`)}<th scope="col" class="text">against ${results.manifest.baseline}</th></tr></thead>
<tbody>${keyRows(results).map((row) => keyLine(results, row))}</tbody>
</table></div>`;
}

function keyLine(results: Results, row: KeyRow): Markup {
  const { stack, figures, verdict, numDone, numCells } = row;
  const lost = notFinishedNote(row);
  const left = lost === '' ? undefined : html`<span class="lost">! ${lost}</span>`;
  const family = familyLabels[stack.family] + (stack.is_oracle ? ', sees the future' : '');
  const partial = numDone < numCells ? `, ${numDone} of ${numCells} seeds` : '';
  const mark = verdict === 'better' || verdict === 'worse' ? verdict : '';
  return html`<tr data-stack="${stack.name}"><th scope="row">${swatch(results, stack)}${stack.name}<span class="family">${family}${partial}</span>${left}</th>${keyColumns.map(
    (column) => html`<td>${figureCell(figures[column.key], column)}</td>`,
  )}<td class="text"><span class="${mark}">${verdict}</span></td></tr>`;
}

function figureCell(figure: Figure | undefined, { unit }: Column): Markup {
  if (figure === undefined) return html`${undefinedMark}`;
  const shown = (value: number) => (unit === 'ratio' ? formatPercent(value) : formatNumber(value));
  const [low, high] = [shown(figure.low).replace(' %', ''), shown(figure.high)];
  const range = figure.low === figure.high ? undefined : html`<span class="range">${low}–${high}</span>`;
  return html`${shown(figure.mean)}${range}`;
}

function facts(results: Results): Markup {
  const { manifest } = results;
  const done = doneCells(results);
  const faults = faultWords(done);
  const offered = done.reduce((sum, cell) => sum + cell.summary.offered, 0);
  const rows: readonly (readonly [string, string])[] = [
    ['Back end', manifest.backend.name],
    ['Device', manifest.backend.device],
    ['Seeds', manifest.seeds.join(', ')],
    ['Cells', `${done.length} of ${results.cells.length} finished`],
    ['Requests', `${formatNumber(offered)} offered in all cells`],
    ['Tokens verified', verified(results)],
    ...(faults === '' ? [] : [['Faults', faults] as const]),
    ...Object.entries(manifest.machine).map(machineFact),
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>${setUpNote(manifest.config)}`;
}

/** What ran under the policies of all stacks. */
function setUpNote(config: unknown): Markup {
  const setUp = setUpOf(config);
  if (setUp === undefined) return html``;
  const { engine, rules, loadReports, steadyWindow = [] } = setUp;
  return html`<p class="note wide"><strong>Engine</strong> ${engine}: ${rules}. <strong>Load reports</strong> to policies: ${loadReports}. ${steadyWindow.join(' ')}</p>`;
}

/** `memory_bytes: 1536` as `memory: 1.5 KiB`. */
function machineFact([key, value]: [string, string | number]): readonly [string, string] {
  const isBytes = key.endsWith('_bytes') && typeof value === 'number';
  return isBytes ? [key.slice(0, -'_bytes'.length), formatBytes(value)] : [key, String(value)];
}

function verified(results: Results): string {
  const executed = doneCells(results).filter((cell) => cell.summary.verified_tokens !== null);
  if (executed.length === 0) return 'none: nothing was executed';
  const sum = (key: 'verified_tokens' | 'generated_tokens') =>
    executed.reduce((total, cell) => total + (cell.summary[key] ?? 0), 0);
  return `${formatNumber(sum('verified_tokens'))} of ${formatNumber(sum('generated_tokens'))}`;
}
