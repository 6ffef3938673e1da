import { forEachRow } from '../read-results.ts';
import { requestRows } from './request-row.ts';

const columns = Object.keys(requestRows.schema.shape);

/** The header of `requestCsvLines`, without its end. */
export const requestCsvHeader = ['cell', ...columns].join(',');

/**
 * Calls `onLine` with a line of CSV, without its end, for each request of a cell: the columns of `requests.jsonl` after
 * the cell's id, and nothing where a column has no value. Throws an `InputError` where the file is missing or damaged.
 */
export async function requestCsvLines(
  dir: string,
  cellId: string,
  onLine: (line: string) => void,
): Promise<void> {
  await forEachRow(dir, cellId, requestRows, (row) => {
    const values = new Map<string, unknown>(Object.entries(row));
    onLine([cellId, ...columns.map((name) => fieldOf(values.get(name)))].join(','));
  });
}

/** Quoted after RFC 4180 where it has to be. */
function fieldOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
