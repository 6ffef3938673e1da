import type { Results } from '../load.ts';
import { html, jsonMarkup } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { timelines } from '../timelines.ts';
import { harmedPerStack } from './harmed-table.ts';
import { packRows } from './pack-rows.ts';

/** What `request-timeline.js` fills when a reader opens a request, and what it fills it with. */
export function timelineDialog(results: Results): Markup {
  const cells = timelines(results, harmedPerStack(results));
  return html`<dialog id="timeline" aria-labelledby="timeline-title"><form method="dialog"><button aria-label="Close">×</button></form><h2 id="timeline-title"></h2><div id="timeline-body"></div></dialog>
<script type="application/json" id="timelines">${jsonMarkup(packRows({ baseline: results.manifest.baseline, cells }))}</script>`;
}
