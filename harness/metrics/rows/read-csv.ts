import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { InputError, messageOf } from '../../base/errors.ts';

/** Rows of a CSV file, as `csvRows` declares them. */
export interface CsvKind<Row> {
  readonly file: string;
  readonly schema: z.ZodType<Row> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  readonly columns: readonly string[];
}

/** Where the text comes from, and what to do where a column is missing. */
interface CsvPlace {
  readonly source: string;
  readonly hint: string;
}

/** Rows of a text with its columns in the first line; `InputError` with the line of what is none. */
export function parseCsvRows<Row>(text: string, kind: CsvKind<Row>, { source, hint }: CsvPlace): Row[] {
  const records = parseRecords(text, source);
  const missing = kind.columns.filter((column) => records[0] !== undefined && !(column in records[0]));
  if (missing.length > 0) {
    const message = `has no column ${missing.join(', ')}`;
    throw new InputError({ source, path: '', line: 1, message, hint });
  }
  const { shape } = kind.schema;
  const columns = kind.columns.map((name) => ({ name, isNumber: shape[name] instanceof z.ZodNumber }));
  return records.map((record, index) => {
    const place = { source, line: index + 2 };
    return rowOf(record, columns, place) as Row;
  });
}

type CsvRecord = Readonly<Record<string, string>>;

function parseRecords(text: string, source: string): CsvRecord[] {
  try {
    return parse<Record<string, string>>(text, { columns: true, skip_empty_lines: true });
  } catch (error) {
    const line =
      error instanceof CsvError && typeof error['lines'] === 'number' ? { line: error['lines'] } : {};
    throw new InputError(
      { source, path: '', message: `is not CSV: ${messageOf(error)}`, ...line },
      { cause: error },
    );
  }
}

function rowOf(
  record: CsvRecord,
  columns: readonly { readonly name: string; readonly isNumber: boolean }[],
  place: { readonly source: string; readonly line: number },
): Record<string, string | number> {
  const row: Record<string, string | number> = {};
  for (const { name, isNumber } of columns) {
    const text = record[name] ?? '';
    const value = isNumber ? Number(text) : text;
    if (text === '' || Number.isNaN(value)) {
      const message = `expected ${isNumber ? 'a number' : 'a text'}, got "${text}"`;
      throw new InputError({ ...place, path: name, message });
    }
    row[name] = value;
  }
  return row;
}
