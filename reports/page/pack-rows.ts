/** Fewer rows than this are not worth it. */
const leastRows = 4;

/** A column of rows: its values, or the different ones and which of them each row has. */
type Column = readonly unknown[] | { readonly of: readonly unknown[]; readonly at: readonly number[] };

/**
 * A spec for the page: rows of data as columns, so that names of fields and texts stand in it once. It takes less than half the room;
 * `read-data.js` makes rows of it again.
 */
export function packRows(spec: unknown): unknown {
  if (Array.isArray(spec)) return spec.map(packRows);
  if (!isRecord(spec)) return spec;
  return Object.fromEntries(
    Object.entries(spec).map(([key, value]) => [
      key,
      key === 'values' && isTable(value) ? packed(value) : packRows(value),
    ]),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether these are rows that all have the same fields. */
function isTable(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value) || value.length < leastRows || !value.every(isRecord)) return false;
  const [first, ...rest] = value.map((row) => JSON.stringify(Object.keys(row)));
  return rest.every((names) => names === first);
}

function packed(rows: readonly Readonly<Record<string, unknown>>[]) {
  const names = Object.keys(rows[0] ?? {});
  const columns = names.map((name) => columnOf(rows.map((row) => row[name])));
  return { packed: names, columns };
}

function columnOf(values: readonly unknown[]): Column {
  const of = [...new Set(values)];
  if (typeof of[0] !== 'string' || of.length > values.length / 2) return values;
  const places = new Map(of.map((value, index) => [value, index]));
  return { of, at: values.map((value) => places.get(value) ?? 0) };
}
