import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import { SentSinceReport } from '../../policies/dispatching/sent-since-report.ts';
import { groupView } from '../../harness/conformance/view-builders.ts';

const reportedAt = (observedAtUs: number) => groupView(0, 1, { observedAtUs });

describe('what was sent since a report', () => {
  it('is what was sent later than the load was true', () => {
    const sent = new SentSinceReport();
    for (const [atUs, blocks] of [
      [10, 1],
      [20, 2],
      [20, 4],
      [30, 8],
    ] as const)
      sent.add(asGroupId(0), atUs, blocks);
    expect(sent.to(reportedAt(9))).toEqual({ requests: 4, blocks: 15 });
    expect(sent.to(reportedAt(10))).toEqual({ requests: 3, blocks: 14 });
    expect(sent.to(reportedAt(20))).toEqual({ requests: 1, blocks: 8 });
    expect(sent.to(reportedAt(30))).toEqual({ requests: 0, blocks: 0 });
  });

  it('is the same for a group that never has reported all of it', () => {
    const sent = new SentSinceReport();
    for (let atUs = 0; atUs < 10_000; atUs += 1) {
      sent.add(asGroupId(0), atUs, 1 + (atUs % 3));
      const unseen = sent.to(reportedAt(atUs - 7));
      const expected = Array.from({ length: Math.min(7, atUs + 1) }, (_, ago) => 1 + ((atUs - ago) % 3));
      expect(unseen).toEqual({ requests: expected.length, blocks: expected.reduce((a, b) => a + b, 0) });
    }
  });
});
