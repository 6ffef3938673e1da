import { describe, expect, it } from 'vitest';
import { SentSinceReport } from '../../policies/dispatching/sent-since-report.ts';
import { groupView, requestView } from './views.ts';

function groupAt(observedAtUs: number, numWaiting: number) {
  const waiting = Array.from({ length: numWaiting }, (_, id) => requestView(id));
  return groupView(0, 1, { waiting, observedAtUs });
}

describe('what a dispatcher has sent since a report', () => {
  it('is all of it where the report is of the same microsecond, as an idle group tells before a held job goes there', () => {
    const sent = new SentSinceReport();
    const idle = groupAt(5, 0);
    for (let requests = 1; requests <= 3; requests += 1) {
      sent.add(idle, 5, 2);
      expect(sent.to(idle)).toEqual({ requests, blocks: 2 * requests });
    }
    // Its first step begins in that microsecond, with all of them.
    expect(sent.to(groupAt(5, 3))).toEqual({ requests: 0, blocks: 0 });
  });

  it('is nothing where groups are seen as they are', () => {
    const sent = new SentSinceReport();
    for (let numBefore = 0; numBefore < 3; numBefore += 1) {
      sent.add(groupAt(5, numBefore), 5, 2);
      expect(sent.to(groupAt(5, numBefore + 1))).toEqual({ requests: 0, blocks: 0 });
    }
  });

  it('counts until the report after that of a step that was scheduled in the same microsecond, before it', () => {
    const sent = new SentSinceReport();
    sent.add(groupAt(1, 2), 5, 2);
    expect(sent.to(groupAt(5, 1))).toEqual({ requests: 1, blocks: 2 });
    expect(sent.to(groupAt(6, 2))).toEqual({ requests: 0, blocks: 0 });
  });
});
