import { InputError } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { readManifest } from '../metrics/read-results.ts';
import { requestCsvHeader, requestCsvLines } from '../metrics/rows/to-csv.ts';

/** Lines that are printed at once: one at a time takes several times as long. */
const linesAtOnce = 1000;

/** Prints the requests of every finished cell, or of one. Throws an `InputError` for a cell that has not finished. */
export async function printRequests(dir: string, cell: string | undefined): Promise<void> {
  const { cells } = await readManifest(dir);
  const done = cells.filter(({ status }) => status === 'done').map(({ id }) => id);
  if (cell !== undefined && !done.includes(cell)) {
    const message = `there is no finished cell "${cell}"`;
    throw new InputError({ source: dir, path: '--cell', message, hint: suggest(cell, done) });
  }
  let lines = [requestCsvHeader];
  for (const id of cell === undefined ? done : [cell]) {
    await requestCsvLines(dir, id, (line) => {
      lines.push(line);
      if (lines.length < linesAtOnce) return;
      console.log(lines.join('\n'));
      lines = [];
    });
  }
  if (lines.length > 0) console.log(lines.join('\n'));
}
