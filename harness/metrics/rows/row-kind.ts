import { z } from 'zod';

/** A column: the values that it may have, and how its value follows from what the core reported. */
interface Column<Reported, Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly of: (record: Reported) => z.input<Schema>;
}

type Shape = Readonly<Record<string, z.ZodType>>;

/** The columns of a row, in order. */
type Columns<Reported, S extends Shape> = { readonly [Name in keyof S]: Column<Reported, S[Name]> };

/** One kind of record: the file that a cell keeps them in, the shape of a row, and how a line of the file is made. */
export interface RowKind<Reported, S extends Shape> {
  /** Name of the file in the cell's folder. */
  readonly file: string;
  readonly schema: z.ZodObject<S, z.core.$strict>;
  /** With its line end. */
  readonly line: (record: Reported) => string;
}

/** A row of this kind, as readers get it. */
export type RowOf<Kind extends { readonly schema: z.ZodType }> = z.output<Kind['schema']>;

/** Checks, for each column, that what is written is what the schema says. */
export function column<Reported, Schema extends z.ZodType>(
  schema: Schema,
  of: (record: Reported) => z.input<Schema>,
): Column<Reported, Schema> {
  return { schema, of };
}

/**
 * Rows of a JSON Lines file. A line is byte for byte what `JSON.stringify` makes of the row; it is put together piece by
 * piece, since lines are written in the simulator's hot path. A column whose value is `undefined` is left out.
 */
export function jsonRows<Reported>() {
  return <S extends Shape>(file: string, columns: Columns<Reported, S>): RowKind<Reported, S> => {
    const pieces = Object.entries<Column<Reported, z.ZodType>>(columns).map(
      ([name, { schema, of }], index) => ({
        before: `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
        of,
        // Names of an enum have nothing to escape.
        isName: schema instanceof z.ZodEnum,
      }),
    );
    const line = (record: Reported): string => {
      let text = '';
      for (const { before, of, isName } of pieces) {
        const value = of(record);
        if (value === undefined) continue;
        text += before;
        if (typeof value === 'number' || value === null) text += value;
        else if (isName && typeof value === 'string') text += `"${value}"`;
        else text += jsonOf(value);
      }
      return `${text}}\n`;
    };
    return { file, schema: schemaOf(columns), line };
  };
}

/** Rows of a CSV file (RFC 4180) with its columns in the first line. */
export interface CsvRowKind<Reported, S extends Shape> extends RowKind<Reported, S> {
  readonly columns: readonly (keyof S & string)[];
  /** The first line of the file. */
  readonly header: string;
}

/** Columns are numbers or texts. */
export function csvRows<Reported>() {
  return <S extends Shape>(file: string, columns: Columns<Reported, S>): CsvRowKind<Reported, S> => {
    const names = Object.keys(columns) as (keyof S & string)[];
    const values = Object.values<Column<Reported, z.ZodType>>(columns).map(({ of }) => of);
    const line = (record: Reported): string => {
      let text = '';
      for (const of of values) text += `${text === '' ? '' : ','}${csvField(of(record))}`;
      return `${text}\n`;
    };
    return { file, schema: schemaOf(columns), line, columns: names, header: `${names.join(',')}\n` };
  };
}

function schemaOf<Reported, S extends Shape>(columns: Columns<Reported, S>): z.ZodObject<S, z.core.$strict> {
  const shape = Object.fromEntries(
    Object.entries<Column<Reported, z.ZodType>>(columns).map(([name, { schema }]) => [name, schema]),
  );
  return z.strictObject(shape as S);
}

function jsonOf(value: unknown): string {
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

/** What JSON must escape: quote, backslash, control characters and lone surrogates. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/** The text as JSON, quotes included. */
export function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function csvField(value: unknown): string {
  const text = String(value);
  return typeof value === 'string' && /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
