import { html } from './markup.ts';
import type { Markup } from './markup.ts';

/** Room for a reason on the page; files hold every reason whole. */
const mostShown = 160;
/** Of a text under the pointer: a policy may give a reason of any length, for each of a million decisions. */
const mostUnderPointer = 2000;

/** At most so many characters, the last of them an ellipsis where there were more. */
export function cut(text: string, most: number = mostShown): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** A text of any length: cut on the page, with the whole of it under the pointer. */
export function cutText(text: string): Markup {
  if (text.length <= mostShown) return html`${text}`;
  return html`<span title="${cut(text, mostUnderPointer)}">${cut(text)}</span>`;
}
