import { z } from 'zod';
import { timeUnits } from './values.ts';

/** A column: its name in the header or in the JSON object, or its position in the row (from 0) of a file without header. */
const column = z.union([z.string().min(1), z.int().nonnegative()]);

/** How a configuration describes a trace of a format that is not built in. */
export const layoutSchema = z.strictObject({
  file: z.enum(['csv', 'jsonl']).default('csv'),
  delimiter: z.string().length(1).default(','),
  columns: z
    .strictObject({ time: column, promptTokens: column, outputTokens: column })
    .refine((columns) => new Set(Object.values(columns).map((value) => typeof value)).size === 1, {
      message: 'columns are either all names or all positions (a file without header)',
    }),
  /** Unit of the time column: a number of these, or a date and time (ISO 8601, space or T, any fraction). */
  time: z.enum(timeUnits),
});

/** How to read a trace of columns: the syntax of the file, and where its three values are. */
export type TraceLayout = Readonly<z.output<typeof layoutSchema>> & {
  /** Column whose equal values mean equal prompts; in JSON Lines only, where its value is a list. */
  readonly promptKey?: string;
  /** Further columns by which the format is told from others that have the same three. */
  readonly marks?: readonly string[];
};

/** A row that a format has computed; `malformed` says why there is none. */
export interface ComputedRow {
  readonly time?: unknown;
  readonly promptTokens?: unknown;
  readonly outputTokens?: unknown;
  readonly malformed?: string;
}

/** A format whose rows are computed from JSON values: one a line, one an element of a list, or one for the whole file. */
export interface ComputedFormat {
  readonly file: 'json-lines' | 'json-list' | 'json-object';
  /** Unit of the rows' times; `undefined` for a format without. */
  readonly time: 's' | undefined;
  /** Whether a file whose first 64 KiB are `text` has this format. */
  readonly isBegunBy: (text: string) => boolean;
  /** Whether lengths come from texts, so that they are estimates. */
  readonly hasTexts: boolean;
  readonly rowsOf: (value: unknown) => Iterable<ComputedRow>;
}

export type TraceFormat = TraceLayout | ComputedFormat;

export function isComputed(format: TraceFormat): format is ComputedFormat {
  return 'rowsOf' in format;
}
