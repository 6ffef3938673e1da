import type { Hash } from 'node:crypto';
import { isComputed, type TraceFormat } from './layout.ts';
import { readBytes, type TraceFile } from './read-bytes.ts';
import { readCsv } from './read-csv.ts';
import { readComputed, readJsonLines } from './read-json.ts';
import type { TraceRow } from './trace-row.ts';
import type { RowFilter } from './where.ts';

/** Streams a trace row by row; every byte of the file also goes into `hash`. */
export function readRows(
  file: TraceFile,
  format: TraceFormat,
  where: RowFilter,
  hash: Hash,
): AsyncIterable<TraceRow> {
  const chunks = readBytes(file, hash);
  if (isComputed(format)) return readComputed(chunks, file, format, where);
  return format.file === 'csv'
    ? readCsv(chunks, file, format, where)
    : readJsonLines(chunks, file, format, where);
}
