import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { asRequestId } from '../../../harness/domain/ids.ts';
import type { RequestSpec } from '../../../harness/domain/workload.ts';
import { engine, recordedCase } from './cases.ts';
import { type Outcome, pair } from './outcomes.ts';
import { serve } from './serve.ts';

// `npm run validate:dynamo -- --record test/fixtures/dynamo/pressure.json` writes it.
const recording = new URL('../../fixtures/dynamo/pressure.json', import.meta.url);

function specOf({ arrivedMs, promptTokens, outputTokens }: Outcome, id: number): RequestSpec {
  const arrival = { kind: 'at', timeUs: 1000 * arrivedMs } as const;
  return {
    id: asRequestId(id),
    className: 'default',
    promptTokens,
    outputTokens,
    outputLimitTokens: outputTokens,
    arrival,
  };
}

test('short of memory, every request gets its first and last token when it does in a replay by Dynamo', () => {
  const { outcomes } = JSON.parse(readFileSync(recording, 'utf8')) as { outcomes: readonly Outcome[] };
  const served = serve(recordedCase, outcomes.map(specOf));
  for (const [our, their] of pair(served.outcomes, outcomes)) {
    expect(our.firstTokenMs).toBeCloseTo(their.firstTokenMs, 2);
    expect(our.lastTokenMs).toBeCloseTo(their.lastTokenMs, 2);
  }
  // What the recording is for: prompts in chunks and requests that are given up.
  expect(outcomes.filter(({ promptTokens }) => promptTokens > engine.maxBatchTokens).length).toBeGreaterThan(
    10,
  );
  expect(served.numPreemptions).toBeGreaterThan(10);
});
