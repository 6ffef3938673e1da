import type { Results } from '../load.ts';
import { html, trusted } from '../markup.ts';
import type { Markup } from '../markup.ts';
import { shownStacks } from '../stacks.ts';
import { swatch } from './swatch.ts';

/** Links to every section and chart of the page, read off its headings, so that none can be missing. */
export function contents(sections: Markup): Markup {
  const headings = [...sections.markup.matchAll(/<h([23]) id="([\w-]+)">(.*?)<\/h\1>/g)];
  const items = headings.map(([, level = '', id = '', title = '']) => {
    return html`<li class="level-${level}"><a href="#${id}">${trusted(title)}</a></li>`;
  });
  return html`<nav class="contents" aria-label="Contents"><details><summary>Contents</summary><ul>${items}</ul></details></nav>`;
}

/** A chip for each stack that hides it everywhere on the page; shown by the script, without which it could do nothing. */
export function stackChips(results: Results): Markup {
  const stacks = shownStacks(results);
  if (stacks.length < 2) return html``;
  return html`<div id="filter" role="group" aria-label="Stacks shown" hidden>${stacks.map(
    (stack) =>
      html`<button type="button" aria-pressed="true" title="${stack.name}" data-chip="${stack.name}">${swatch(results, stack)}${stack.name}</button>`,
  )}<button type="button" id="show-all" hidden>Show all</button></div>`;
}
