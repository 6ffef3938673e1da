/** Which rows of a trace are wanted: those that have one of the values in each of these columns. */
export type RowFilter = readonly { readonly column: string; readonly values: readonly string[] }[];

type Scalar = string | number | boolean;

/** Reads `where` of a configuration: a value by column, or several. */
export function rowFilter(where: Readonly<Record<string, Scalar | readonly Scalar[]>> = {}): RowFilter {
  return Object.entries(where).map(([column, wanted]) => {
    const values = typeof wanted === 'object' ? wanted : [wanted];
    return { column, values: values.map(String) };
  });
}

/** Whether a field has one of the values, compared as texts: 7 and "7" are the same. */
export function isWanted(field: unknown, values: readonly string[]): boolean {
  const isScalar = typeof field === 'string' || typeof field === 'number' || typeof field === 'boolean';
  return isScalar && values.includes(String(field));
}
