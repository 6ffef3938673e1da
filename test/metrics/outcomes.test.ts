import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../../harness/base/errors.ts';
import { asRequestId } from '../../harness/domain/ids.ts';
import { compareCells } from '../../harness/metrics/compare-cells.ts';
import { compareStacks } from '../../harness/metrics/compare.ts';
import { RequestOutcomes, readOutcomes } from '../../harness/metrics/outcomes.ts';
import { requestRows } from '../../harness/metrics/rows/request-row.ts';
import { cellOf, classes, rowsOf } from './compared-cells.ts';
import { finishedRequest, rejectedRequest, rowOf } from './records.ts';
import { lineOf } from './text-sink.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'outcomes-'));
});
/** Writes the requests of a cell; where they are. */
function writeRequests(cellId: string, text: string): string {
  mkdirSync(join(dir, 'cells', cellId), { recursive: true });
  const path = join(dir, 'cells', cellId, 'requests.jsonl');
  writeFileSync(path, text);
  return path;
}
afterEach(() => {
  rmSync(dir, { recursive: true });
});

test('reads what the recorder writes', async () => {
  writeRequests(
    'a',
    lineOf(requestRows, { ...rejectedRequest, id: asRequestId(300) }) + lineOf(requestRows, finishedRequest),
  );
  const outcomes = await readOutcomes(dir, 'a', { classes });
  expect([outcomes.has(0), outcomes.has(1), outcomes.has(300), outcomes.has(9999)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  const { ttft, tpot, e2el, queueing_delay: queueingDelay } = outcomes.latenciesMs;
  expect([ttft[0], tpot[0], e2el[0], queueingDelay[0], outcomes.isMet[0]]).toEqual([200, 20, 380, 50, 1]);
  expect([ttft[300], tpot[300], queueingDelay[300], outcomes.isMet[300]]).toEqual([
    Infinity,
    Infinity,
    Infinity,
    0,
  ]);
});

test.each([
  ['not JSON', '{"id":'],
  ['no row', '{"id":1}'],
])('names the line that is %s', async (_, line) => {
  const path = writeRequests('a', `${lineOf(requestRows, finishedRequest)}${line}\n`);
  const reading = readOutcomes(dir, 'a', { classes });
  await expect(reading).rejects.toThrow(InputError);
  await expect(reading).rejects.toThrow(`${path}:2:1`);
});

test('names the file that is missing', async () => {
  await expect(readOutcomes(dir, 'none', { classes })).rejects.toThrow(/none.requests\.jsonl.*no such file/);
});

test('comparing files gives what comparing rows gives', async () => {
  const rows = { base: rowsOf([1, 2, 3, 4, 5, 6, 7]), other: rowsOf([2, 2, 3, 3, 5, 5, 7]) };
  const cells = [cellOf('base', 1, rows.base), cellOf('other', 1, rows.other)];
  const summaries = cells.map(({ summary }) => ({ ...summary, id: summary.policy }));
  for (const policy of ['base', 'other'] as const) {
    writeRequests(policy, rows[policy].map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  expect((await compareCells({ dir, summaries, classes, baseline: 'base' })).comparisons).toEqual(
    compareStacks(cells, 'base'),
  );
});

test('requests that arrive outside of the steady window are as if there were none', () => {
  const rows = [0, 1_000_000, 2_000_000].map((arrived_at_us, id) => ({
    ...rowOf(finishedRequest),
    id,
    arrived_at_us,
  }));
  const outcomes = RequestOutcomes.from(rows, classes, { startUs: 1_000_000, endUs: 2_000_000 });
  expect([0, 1, 2].map((id) => outcomes.has(id))).toEqual([false, true, false]);
});
