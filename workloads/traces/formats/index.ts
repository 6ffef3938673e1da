import type { TraceLayout } from '../layout.ts';
import { azure } from './azure.ts';
import { burstgpt } from './burstgpt.ts';
import { mooncake } from './mooncake.ts';

/** Every built-in format, by the name that a configuration uses. A new one is its file plus one line here. */
const formats = { azure, burstgpt, mooncake } as const satisfies Readonly<Record<string, TraceLayout>>;

type TraceFormatName = keyof typeof formats;

// The cast holds as the record is constant and has no other keys.
export const traceFormatNames = Object.keys(formats) as [TraceFormatName, ...TraceFormatName[]];

/** The layout that a configuration's `format` means: a name, or the layout itself. */
export function layoutOf(format: TraceFormatName | TraceLayout): TraceLayout {
  return typeof format === 'string' ? formats[format] : format;
}

/** The built-in formats whose columns the first line of a file has: none, one, or several that tell columns alike. */
export function recognizeFormats(firstLine: string): readonly TraceFormatName[] {
  return traceFormatNames.filter((name) =>
    Object.values(formats[name].columns).every((column) => firstLine.includes(String(column))),
  );
}
