import { beforeEach, describe, expect, it } from 'vitest';
import { asGroupId, type GroupId } from '../../harness/domain/ids.ts';
import { request as specOf } from '../../harness/conformance/tiny-cluster.ts';
import { Request, type RequestQueueOwner } from '../../harness/core/state/request.ts';
import { KvLayout } from '../../harness/core/state/kv-layout.ts';

/** Writes down who comes and goes, in place of queues. */
class Place implements RequestQueueOwner {
  readonly groupId: GroupId | undefined;
  readonly seen: string[] = [];

  constructor(groupId: GroupId | undefined) {
    this.groupId = groupId;
  }

  add({ status }: Request, end: string): void {
    this.seen.push(`+ ${status.kind} ${end}`);
  }

  remove({ status }: Request): void {
    this.seen.push(`- ${status.kind}`);
  }
}

describe('a request', () => {
  const layout = new KvLayout([]);
  const clock = { nowUs: 0 };
  let group: Place;
  let request: Request;

  beforeEach(() => {
    clock.nowUs = 0;
    group = new Place(asGroupId(3));
    request = new Request(specOf(0, 0, 40, 10), { name: 'default', priority: 0, slo: {} }, clock);
  });

  it('leaves the queue of its old state and enters that of the new one, each with its own state', () => {
    request.enqueue(group);
    request.admit();
    request.beginDecoding();
    request.beginSwapOut(layout, []);
    request.endSwapOut();
    request.beginSwapIn([]);
    request.resume();
    request.end({ kind: 'finished' });
    expect(group.seen).toEqual([
      '+ queued back',
      '- queued',
      '+ prefilling back',
      '- decoding',
      '+ swapping-out back',
      '- swapping-in',
      '+ prefilling back',
      '- prefilling',
    ]);
    expect(request.groupId).toBe(3);
  });

  it('goes in front of the others where it had begun before it was held', () => {
    const held = new Place(undefined);
    request.enqueue(group);
    request.admit();
    clock.nowUs = 100;
    request.hold(held);
    expect(request.groupId).toBeUndefined();
    const other = new Place(asGroupId(4));
    request.enqueue(other);
    expect(other.seen).toEqual(['+ preempted front']);
    clock.nowUs = 250;
    request.admit();
    request.endPreemption();
    expect([request.preemptedUs, request.firstScheduledAtUs]).toEqual([150, 0]);
  });

  it('counts the time that it is stalled once, in whichever groups and for whichever reason', () => {
    request.enqueue(group);
    request.admit();
    clock.nowUs = 10;
    request.stall(group);
    clock.nowUs = 20;
    const other = new Place(asGroupId(4));
    request.stall(other);
    expect([...group.seen.slice(-1), ...other.seen]).toEqual(['- exchanging', '+ exchanging back']);
    clock.nowUs = 50;
    request.resume();
    expect(request.stalledUs).toBe(40);
  });

  it('shows policies the kind of its state, and nothing that belongs to the core', () => {
    request.enqueue(group);
    request.admit();
    request.beginSwapOut(layout, []);
    expect(request.state).toHaveProperty('hostLayout');
    expect(request.status).toEqual({ kind: 'swapping-out' });
    request.end({ kind: 'failed', reason: 'test' });
    expect(request.status).toEqual({ kind: 'failed', reason: 'test' });
  });

  it('has what belongs to a state only while it is in it', () => {
    request.enqueue(group);
    request.admit();
    expect(request.hostLayout).toBeUndefined();
    request.beginSwapOut(layout, []);
    expect(request.hostLayout).toBe(layout);
    request.preempt();
    expect(request.hostLayout).toBeUndefined();
  });

  it.each([
    ['admits', 'one that is held', () => request.admit()],
    ['decodes', 'one that is held', () => request.beginDecoding()],
    ['brings back', 'one that is not swapped', () => request.beginSwapIn([])],
    ['stops for its migration', 'one that does not migrate', () => request.stopForMigration(group)],
  ])('never %s %s', (_verb, _state, act) => {
    expect(act).toThrow(/INV-status/);
    expect(request.status.kind).toBe('held');
  });
});
