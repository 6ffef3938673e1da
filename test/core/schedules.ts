import { asRequestId } from '../../harness/domain/ids.ts';
import { request } from '../../harness/conformance/tiny-cluster.ts';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import * as fc from '../fast-check.ts';

/** Up to 25 requests: bursts, pauses, follow-ups, and pairs of branches of which the first to finish decides. */
export const requests = fc
  .array(
    fc.record({
      gapUs: fc.integer({ min: 0, max: 4000 }),
      promptTokens: fc.integer({ min: 1, max: 120 }),
      outputTokens: fc.integer({ min: 1, max: 60 }),
      follows: fc.boolean(),
      branches: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((rows) => {
    let timeUs = 0;
    return rows.map(({ gapUs, promptTokens, outputTokens, follows, branches }, id): RequestSpec => {
      timeUs += gapUs;
      const plain = request(id, timeUs, promptTokens, outputTokens);
      const pair = id - (id % 2);
      const job = { id: pair, branches: [pair, pair + 1].map(asRequestId), needed: 1 };
      const spec = branches ? { ...plain, job } : plain;
      return follows && id > 0
        ? { ...spec, arrival: { kind: 'after', requestId: asRequestId(id - 1), delayUs: gapUs } }
        : spec;
    });
  });
