import type { StackInfo } from '../../harness/metrics/results.ts';
import { definitionOf, figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { hasMigrated, hasScaled } from '../fleet.ts';
import { formatMetric, undefinedMark } from '../format.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';

const keys: readonly FigureKey[] = [
  'mean_instances',
  'peak_instances',
  'scale_up_count',
  'drain_count',
  'start_failures',
  'cold_start_seconds',
  'mean_cold_start_ms',
  'drain_seconds',
  'migration_count',
  'migrations_aborted',
  'migrated_bytes',
  'mean_migration_downtime_ms',
  'p99_migration_downtime_ms',
  'max_migration_downtime_ms',
  'fragmentation_ratio',
  'fragmentation_ratio_max',
];

/** What starting, draining and migrating amounted to, beside the baseline; nothing where no stack did any of it. */
export function fleetTable(results: Results): Markup {
  const isInvolved = (stack: StackInfo) => hasScaled(results, stack) || hasMigrated(results, stack);
  if (!shownStacks(results).some(isInvolved)) return html``;
  const { baseline } = results.manifest;
  const stacks = shownStacks(results).filter((stack) => stack.name === baseline || isInvolved(stack));
  const shown = keys.filter((key) => stacks.some((stack) => (figureOf(results, stack, key)?.high ?? 0) > 0));
  return html`<section aria-labelledby="fleet"><h2 id="fleet">Scaling and migration</h2>
<p class="note wide">Means over the seeds, so that a count may have a fraction. Left out: stacks that neither scale nor migrate, apart from the baseline, and figures that are zero or undefined for all.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Scaling and migration"><table class="key">
<thead><tr><th scope="col">figure</th>${stacks.map(({ name }) => html`<th scope="col" data-stack="${name}">${name}</th>`)}</tr></thead>
<tbody>${shown.map(
    (key) =>
      html`<tr><th scope="row" class="wrap">${definitionOf(results, key).label}</th>${stacks.map((stack) => html`<td>${cell(results, stack, key)}</td>`)}</tr>`,
  )}</tbody></table></div></section>`;
}

function cell(results: Results, stack: StackInfo, key: FigureKey): string {
  const figure = figureOf(results, stack, key);
  return figure === undefined ? undefinedMark : formatMetric(figure.mean, definitionOf(results, key).unit);
}
