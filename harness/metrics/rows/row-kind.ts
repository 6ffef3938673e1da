import { z } from 'zod';
import type { ByteWriter } from '../byte-writer.ts';

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
  /** Writes a line of the file, with its end. */
  readonly write: (record: Reported, out: ByteWriter) => void;
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
 * Rows of a JSON Lines file. A line is byte for byte what `JSON.stringify` makes of the row. A column whose value is
 * `undefined` is left out.
 */
export function jsonRows<Reported>() {
  return <S extends Shape>(file: string, columns: Columns<Reported, S>): RowKind<Reported, S> => {
    const pieces = Object.entries<Column<Reported, z.ZodType>>(columns).map(([name, { of }], index) => ({
      before: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
      of,
    }));
    const write = (record: Reported, out: ByteWriter): void => {
      for (const { before, of } of pieces) {
        const value = of(record);
        if (value === undefined) continue;
        out.writeBytes(before);
        if (typeof value === 'number') out.writeNumber(value);
        else if (typeof value === 'string') out.writeQuoted(value);
        else out.write(JSON.stringify(value));
      }
      out.writeBytes(jsonEnd);
    };
    return { file, schema: schemaOf(columns), write };
  };
}

const jsonEnd = Buffer.from('}\n');

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
    const write = (record: Reported, out: ByteWriter): void => {
      out.write(`${values.map((of) => csvField(of(record))).join(',')}\n`);
    };
    return { file, schema: schemaOf(columns), write, columns: names, header: `${names.join(',')}\n` };
  };
}

function schemaOf<Reported, S extends Shape>(columns: Columns<Reported, S>): z.ZodObject<S, z.core.$strict> {
  const shape = Object.fromEntries(
    Object.entries<Column<Reported, z.ZodType>>(columns).map(([name, { schema }]) => [name, schema]),
  );
  return z.strictObject(shape as S);
}

function csvField(value: unknown): string {
  const text = String(value);
  return typeof value === 'string' && /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
