import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../harness/core/events.ts';
import { Fabric, Link } from '../../harness/core/fabric.ts';
import type { TransferKind } from '../../harness/core/observer.ts';

/** 1 byte a microsecond and no latency: bytes are microseconds. */
const profile = { bytesPerSecond: 1e6, latencyUs: 0 };

function createRun() {
  const events = new EventQueue();
  const fabric = new Fabric(events);
  const ended: [string, number][] = [];
  const send = (name: string, kind: TransferKind, bytes: number, links: readonly Link[]) =>
    fabric.submit({ kind, bytes, links, onDone: () => ended.push([name, events.nowUs]) });
  const at = (timeUs: number, action: () => void) => events.scheduleCall(timeUs, 0, action);
  const drain = () => {
    for (let event = events.next(1e9); event !== undefined; event = events.next(1e9)) event.fire();
    return ended;
  };
  return { send, at, drain };
}

describe('fabric', () => {
  it('charges latency and bytes at the speed of the slowest link', () => {
    const { send, drain } = createRun();
    const fast = new Link('fast', { bytesPerSecond: 4e6, latencyUs: 5 });
    const slow = new Link('slow', { bytesPerSecond: 2e6, latencyUs: 30 });
    send('a', 'migration', 1000, [fast, slow]);
    expect(drain()).toEqual([['a', 530]]);
  });

  it('serves one link in order and different links at once', () => {
    const { send, drain } = createRun();
    const [one, other] = [new Link('one', profile), new Link('other', profile)];
    send('a', 'migration', 3000, [one]);
    send('b', 'migration', 3000, [one]);
    send('c', 'migration', 3000, [other]);
    expect(drain()).toEqual([
      ['a', 3000],
      ['c', 3000],
      ['b', 6000],
    ]);
  });

  it('lets activations pass a big copy at the next chunk end, and then goes on with the copy', () => {
    const { send, at, drain } = createRun();
    const link = new Link('link', profile);
    send('copy', 'migration', 10_000, [link]);
    at(2500, () => send('small', 'activations', 100, [link]));
    expect(drain()).toEqual([
      ['small', 3100],
      ['copy', 10_100],
    ]);
  });

  it('does not interrupt what would be done by then anyway', () => {
    const { send, at, drain } = createRun();
    const link = new Link('link', profile);
    send('copy', 'migration', 2900, [link]);
    at(2500, () => send('small', 'activations', 100, [link]));
    expect(drain()).toEqual([
      ['copy', 2900],
      ['small', 3000],
    ]);
  });

  it('lets less urgent transfers use a link whose most urgent one waits for its equals elsewhere', () => {
    const { send, at, drain } = createRun();
    const [a, b] = [new Link('a', profile), new Link('b', profile)];
    send('first', 'exchange', 2000, [a]);
    at(100, () => {
      send('urgent', 'exchange', 1000, [a, b]);
      send('later', 'weights', 5000, [b]);
    });
    expect(drain()).toEqual([
      ['first', 2000],
      ['urgent', 3100],
      ['later', 6100],
    ]);
  });

  it('interrupts nothing in vain: a transfer yields only to one that can then start', () => {
    const { send, at, drain } = createRun();
    const [a, b] = [new Link('a', profile), new Link('b', profile)];
    send('long', 'exchange', 100_000, [b]);
    send('copy', 'weights', 5000, [a]);
    at(100, () => send('both', 'exchange', 1000, [a, b]));
    expect(drain()).toEqual([
      ['copy', 5000],
      ['long', 100_000],
      ['both', 101_000],
    ]);
  });

  it('moves every byte once, however often a copy is interrupted', () => {
    const { send, at, drain } = createRun();
    const link = new Link('link', profile);
    send('copy', 'weights', 50_000, [link]);
    for (let index = 0; index < 20; index += 1)
      at(500 + index * 1700, () => send(`s${index}`, 'activations', 10, [link]));
    const ended = drain();
    expect(ended.at(-1)).toEqual(['copy', 50_200]);
    expect(ended).toHaveLength(21);
  });
});
