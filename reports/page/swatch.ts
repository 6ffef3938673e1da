import type { StackInfo } from '../../harness/metrics/results.ts';
import type { Results } from '../load.ts';
import { html } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { styleOf } from '../stacks.ts';
import { variableByColour } from '../theme.ts';

/** The stack's line as in the charts. */
export function swatch(results: Results, stack: StackInfo): Markup {
  const { colour, dash } = styleOf(results, stack);
  return html`<svg class="swatch" viewBox="0 0 22 8" aria-hidden="true"><line x1="0" y1="4" x2="22" y2="4" stroke="${variableByColour()[colour] ?? colour}" stroke-width="3" stroke-dasharray="${dash.join(' ')}"/></svg>`;
}
