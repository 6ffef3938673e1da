import { describe, expect, it } from 'vitest';
import { TrafficTally } from '../../reports/traffic.ts';
import type { TransferRow } from '../../harness/metrics/rows/transfer-row.ts';
import * as fc from '../fast-check.ts';

const transfer = fc.record({
  startUs: fc.integer({ min: 0, max: 50_000_000 }),
  lengthUs: fc.integer({ min: 0, max: 3_000_000 }),
  bytes: fc.integer({ min: 0, max: 1_000_000 }),
});

function row(startUs: number, endUs: number, what: Partial<TransferRow> = {}): TransferRow {
  const times = { requested_us: startUs, started_us: startUs, ended_us: endUs };
  return { kind: 'exchange', request: 1, source: 0, target: 1, bytes: 100, ...times, ...what };
}

function sum(bytes: Float64Array | undefined): number {
  return bytes?.reduce((total, value) => total + value, 0) ?? 0;
}

describe('adding up transfers', () => {
  it('loses no byte, whatever the order and length, and stays as small', () => {
    fc.assert(
      fc.property(fc.array(transfer, { minLength: 1 }), (transfers) => {
        const tally = new TrafficTally();
        for (const { startUs, lengthUs, bytes } of transfers) {
          tally.add(row(startUs, startUs + lengthUs, { bytes }));
        }
        const { byKind, byLink, numStretches } = tally.finish();
        const total = transfers.reduce((all, { bytes }) => all + bytes, 0);
        expect(numStretches).toBeLessThanOrEqual(256);
        for (const bytes of [byKind.get('exchange'), ...byLink.map((link) => link.bytes)]) {
          expect(sum(bytes)).toBeCloseTo(total, 3);
          expect(sum(bytes?.subarray(numStretches + 1))).toBe(0);
        }
      }),
    );
  });

  it('spreads a transfer evenly over its time', () => {
    const tally = new TrafficTally();
    tally.add(row(500, 2500));
    expect([...(tally.finish().byKind.get('exchange') ?? [])].slice(0, 4)).toEqual([25, 50, 25, 0]);
  });

  it('joins neighbours when a later transfer needs longer stretches', () => {
    const tally = new TrafficTally();
    tally.add(row(500, 2500));
    tally.add(row(511_000, 512_000, { bytes: 7 }));
    const { stretchUs, byKind } = tally.finish();
    expect(stretchUs).toBe(2000);
    expect([...(byKind.get('exchange') ?? [])].slice(0, 3)).toEqual([75, 25, 0]);
    expect(byKind.get('exchange')?.at(-1)).toBe(7);
  });

  it('tells the four directions of an instance apart, and joins both ways of a swap', () => {
    const tally = new TrafficTally();
    tally.add(row(0, 10, { source: 0, target: 1 }));
    tally.add(row(0, 10, { kind: 'swap-out', source: 1, target: 'host' }));
    tally.add(row(0, 10, { kind: 'swap-in', source: 'host', target: 1 }));
    tally.add(row(0, 10, { kind: 'weights', source: 'disk', target: 0 }));
    const { byKind, byLink } = tally.finish();
    expect(sum(byKind.get('swap'))).toBe(200);
    expect(byLink.map(({ instance, direction }) => `${instance} ${direction}`)).toEqual([
      '0 to instances',
      '0 from host',
      '1 from instances',
      '1 to host',
      '1 from host',
    ]);
  });
});
