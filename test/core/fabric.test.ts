import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../harness/core/state/events.ts';
import { Fabric, Link, type Transfer } from '../../harness/core/state/fabric.ts';
import type { TransferKind } from '../../harness/core/observer.ts';
import * as fc from '../fast-check.ts';

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

  it('yields at the chunk end to who waits, though another who asked has been cancelled', () => {
    const events = new EventQueue();
    const fabric = new Fabric(events);
    const [one, other] = [new Link('one', profile), new Link('other', profile)];
    const ended: [string, number][] = [];
    const send = (name: string, kind: TransferKind, links: readonly Link[], bytes: number) =>
      fabric.submit({ kind, bytes, links, onDone: () => ended.push([name, events.nowUs]) });
    send('copy', 'migration', [one, other], 5000);
    events.scheduleCall(100, 0, () => send('waits', 'activations', [one], 10));
    events.scheduleCall(200, 0, () => {
      const asked = send('gives up', 'activations', [other], 10);
      events.scheduleCall(300, 0, () => fabric.cancel(asked));
    });
    for (let event = events.next(1e9); event !== undefined; event = events.next(1e9)) event.fire();
    expect(ended).toEqual([
      ['waits', 1010],
      ['copy', 5010],
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

const kinds: readonly TransferKind[] = [
  'activations',
  'attention',
  'exchange',
  'migration',
  'swap-in',
  'weights',
];
const schedules = fc.array(
  fc.record({
    atUs: fc.nat(20_000),
    kind: fc.constantFrom(...kinds),
    bytes: fc.nat(8000),
    path: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 }),
    cancelAfterUs: fc.option(fc.nat(10_000), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 40 },
);

type Plan = typeof schedules extends fc.Arbitrary<infer T> ? T : never;

/** Runs a schedule and looks at the links after each event; gives what was sent and when each ended. */
function play(plan: Plan, isCoordinated = true) {
  const events = new EventQueue();
  const fabric = new Fabric(events);
  const links = Array.from({ length: 5 }, (_, index) => new Link(`${index}`, profile));
  const sent: Transfer[] = [];
  const endedAtUs = new Map<Transfer, number>();
  const heldUs = new Map<Transfer, number>();
  for (const { atUs, path, cancelAfterUs, kind, bytes } of plan)
    events.scheduleCall(atUs, 1, () => {
      const onDone = (done: Transfer) => endedAtUs.set(done, events.nowUs);
      const on = path.map((index) => links[index]!);
      const transfer = fabric.submit({ kind, bytes, links: on, onDone, isCoordinated, chunkUs: 500 });
      sent.push(transfer);
      if (cancelAfterUs !== undefined)
        events.scheduleCall(atUs + cancelAfterUs, 2, () => fabric.cancel(transfer));
    });
  let lastUs = 0;
  let moving = new Set<Transfer>();
  for (let event = events.next(1e9); event !== undefined; event = events.next(1e9)) {
    for (const transfer of moving) heldUs.set(transfer, (heldUs.get(transfer) ?? 0) + events.nowUs - lastUs);
    lastUs = events.nowUs;
    event.fire();
    moving = new Set(sent.filter(({ state }) => state === 'moving'));
    for (const link of links) {
      const holders = [...moving].filter((transfer) => transfer.links.includes(link));
      expect(holders).toEqual(link.current === undefined ? [] : [link.current]);
    }
  }
  return { sent, endedAtUs, heldUs };
}

const checkConservation = (plan: Plan, isCoordinated: boolean) => {
  const { sent, endedAtUs, heldUs } = play(plan, isCoordinated);
  expect(sent).toHaveLength(plan.length);
  for (const transfer of sent) {
    expect(transfer.state).toBe(endedAtUs.has(transfer) ? 'done' : 'cancelled');
    if (transfer.state === 'done') expect(heldUs.get(transfer)).toBe(Math.max(1, transfer.bytes));
  }
};

const checkOrder = (plan: Plan) => {
  const { sent } = play(
    plan.map((entry) => ({ ...entry, path: [0], cancelAfterUs: undefined })),
    false,
  );
  const starts = sent.map(({ startedAtUs }) => startedAtUs ?? Infinity);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
};

const checkUrgentWait = (bytes: number, atUs: number, cancelAfterUs: number | undefined) => {
  const copy = { atUs: 0, kind: 'exchange', bytes, path: [0, 1], cancelAfterUs: undefined } as const;
  const urgent = { atUs, kind: 'attention', bytes: 10, path: [1], cancelAfterUs } as const;
  const { sent, endedAtUs } = play([
    { ...copy, path: [...copy.path] },
    { ...urgent, path: [1] },
  ]);
  const [first, second] = sent as [Transfer, Transfer];
  if (second.startedAtUs === undefined) expect(endedAtUs.get(first)).toBe(bytes);
  else expect(second.startedAtUs - atUs).toBeLessThanOrEqual(500);
};

describe('fabric under random schedules', () => {
  it('never shares a link, moves every byte once, and ends or cancels everything', () => {
    fc.assert(fc.property(schedules, fc.boolean(), checkConservation), { seed: 1, numRuns: 300 });
  });

  it('serves one link in order of request when uncoordinated', () => {
    fc.assert(fc.property(schedules, checkOrder), { seed: 2, numRuns: 200 });
  });

  it('lets an urgent transfer wait at most one chunk for a copy, and a cancelled one leave no trace', () => {
    const cancelAfter = fc.option(fc.nat(700), { nil: undefined });
    const inputs = [
      fc.integer({ min: 1, max: 9000 }),
      fc.integer({ min: 1, max: 9000 }),
      cancelAfter,
    ] as const;
    fc.assert(fc.property(...inputs, checkUrgentWait), { seed: 3, numRuns: 300 });
  });

  it('charges the latency of every message, and a microsecond for nothing at all', () => {
    const events = new EventQueue();
    const fabric = new Fabric(events);
    const link = new Link('link', { bytesPerSecond: 1e6, latencyUs: 7 });
    const ended: number[] = [];
    const request = {
      kind: 'attention',
      links: [link, link],
      onDone: () => ended.push(events.nowUs),
    } as const;
    fabric.submit({ ...request, bytes: 100, numMessages: 3 });
    fabric.submit({ ...request, bytes: 0 });
    const last = fabric.submit({ ...request, bytes: 0, links: [] });
    for (let event = events.next(1e9); event !== undefined; event = events.next(1e9)) event.fire();
    fabric.cancel(last);
    expect(ended).toEqual([1, 121, 128]);
  });
});
