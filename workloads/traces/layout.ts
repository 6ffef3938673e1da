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

/** How to read a trace: the syntax of the file, and where its three values are. */
export type TraceLayout = Readonly<z.output<typeof layoutSchema>> & {
  /** Column whose equal values mean equal prompts; in JSON Lines only, where its value is a list. */
  readonly promptKey?: string;
};
