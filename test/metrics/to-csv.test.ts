import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requestRows } from '../../harness/metrics/rows/request-row.ts';
import { requestCsvHeader, requestCsvLines } from '../../harness/metrics/rows/to-csv.ts';
import { finishedRequest, rejectedRequest } from './records.ts';
import { lineOf } from './text-sink.ts';

test('a request is a line with the columns of its row, quoted where it must be', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'csv-'));
  mkdirSync(join(dir, 'cells/swap-s1'), { recursive: true });
  const rejected = { ...rejectedRequest, endReason: 'no room, "really"' };
  writeFileSync(
    join(dir, 'cells/swap-s1/requests.jsonl'),
    lineOf(requestRows, finishedRequest) + lineOf(requestRows, rejected),
  );
  const lines: string[] = [];
  await requestCsvLines(dir, 'swap-s1', (line) => lines.push(line));
  expect(requestCsvHeader).toMatch(
    /^cell,id,session,parent,class,status,reason,arrived_at_us,first_scheduled_at_us,/,
  );
  expect(lines).toEqual([
    'swap-s1,0,0,,interactive,finished,,1000000,1050000,1200000,1380000,100,10,10,20000,0,0,0,0,0,0',
    'swap-s1,1,0,,interactive,rejected,"no room, ""really""",1000000,,,1000000,100,10,0,,,0,0,0,0,0',
  ]);
});
