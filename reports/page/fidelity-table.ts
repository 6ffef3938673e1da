import type { Fidelity } from '../../harness/metrics/results.ts';
import { definitionOf } from '../figures.ts';
import { formatMetric, formatPercent, undefinedMark } from '../format.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { clockNote, fidelityNote, seedsNote } from '../trust.ts';

/** Errors above this are marked. */
const largeError = 0.1;

/** What was measured beside what the simulator says of the same cells; nothing where nothing was simulated. */
export function fidelityTable(results: Results): Markup {
  const { fidelity = [] } = results.summary;
  const { clock } = results.manifest;
  if (fidelity.length === 0 || clock === undefined) return html``;
  const metrics = [...new Set(fidelity.map(({ metric }) => metric))];
  const policies = [...new Set(fidelity.map(({ policy }) => policy))];
  const { numWindows, medianError, p90Error } = clock.profile.heldOut;
  return html`<section aria-labelledby="fidelity"><h2 id="fidelity">Can the simulator be trusted?</h2>
<p>${fidelityNote(results)} ${seedsNote(results)} Where the two disagree, the intervals of the verdicts are wide.</p>
<p class="note wide">${clockNote(results)} Calibrated on this device: the fitted cost of ${numWindows} windows of stages that the fit had not seen was off by ${formatPercent(medianError)} (median) and ${formatPercent(p90Error)} (p90). Below, in each cell: measured, <i>simulated</i>, error; errors above ${formatPercent(largeError)} are marked. Percentiles of few requests hang on single requests.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Measured and simulated figures"><table>
<thead><tr><th scope="col">policy</th>${metrics.map((metric) => html`<th scope="col">${definitionOf(results, metric).label}</th>`)}</tr></thead>
<tbody>${policies.map(
    (policy) =>
      html`<tr data-stack="${policy}"><th scope="row">${policy}</th>${metrics.map((metric) =>
        cell(
          results,
          fidelity.find((row) => row.policy === policy && row.metric === metric),
        ),
      )}</tr>`,
  )}</tbody></table></div></section>`;
}

function cell(results: Results, row: Fidelity | undefined): Markup {
  if (row === undefined || row.measured === null || row.simulated === null)
    return html`<td>${undefinedMark}</td>`;
  const { unit } = definitionOf(results, row.metric);
  const error = row.error === null ? undefinedMark : signed(row.error);
  const isLarge = row.error !== null && Math.abs(row.error) > largeError;
  return html`<td>${formatMetric(row.measured, unit)}<span class="range"><i>${formatMetric(row.simulated, unit)}</i>, <span class="${isLarge ? 'worse' : ''}">${error}</span></span></td>`;
}

function signed(error: number): string {
  return `${error < 0 ? '−' : '+'}${formatPercent(Math.abs(error))}`;
}
