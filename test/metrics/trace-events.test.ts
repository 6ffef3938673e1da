import { expect, test } from 'vitest';
import { TraceEvents } from '../../harness/metrics/trace-events.ts';
import { clusterEvent, dispatch, preemption, sample, stage, transfer } from './records.ts';

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly id?: number;
  readonly dur?: number;
  readonly args?: Record<string, unknown>;
}

interface Trace {
  readonly traceEvents: readonly Event[];
  readonly otherData: { readonly note: string; readonly left_out: number };
}

function traceOf(report: (trace: TraceEvents) => void, maxEvents?: number): Trace {
  let text = '';
  const trace = new TraceEvents({ write: (piece) => (text += piece), close: () => {} }, maxEvents);
  report(trace);
  trace.close();
  trace.close();
  return JSON.parse(text) as Trace;
}

test('a step is a slice on the track of its instance', () => {
  const { traceEvents } = traceOf((trace) => trace.stage(stage));
  const slice = traceEvents.find((event) => event.ph === 'X')!;
  expect(slice).toMatchObject({ name: 'decode', ts: 1000, dur: 3000, args: { requests: 3 } });
  const name = traceEvents.find((event) => event.name === 'process_name' && event.pid === slice.pid);
  expect(name?.args).toEqual({ name: 'instance 2' });
});

test('a transfer is an async span with an arrow from slice to slice', () => {
  const { traceEvents } = traceOf((trace) => trace.transfer(transfer));
  const phase = (ph: string) => traceEvents.find((event) => event.ph === ph)!;
  expect([phase('b').ts, phase('e').ts]).toEqual([150, 400]);
  expect(phase('b').id).toBe(phase('e').id);
  for (const ph of ['s', 'f']) {
    const arrow = phase(ph);
    const slices = traceEvents.filter(
      (event) => event.ph === 'X' && event.pid === arrow.pid && event.tid === arrow.tid,
    );
    expect(slices.some((slice) => slice.ts! <= arrow.ts! && arrow.ts! < slice.ts! + slice.dur!)).toBe(true);
  }
  expect(phase('s').pid).not.toBe(phase('f').pid);
});

test('every kind of transfer and the counters of a sample are there', () => {
  const { traceEvents } = traceOf((trace) => {
    trace.transfer({ ...transfer, kind: 'exchange' });
    trace.transfer({ ...transfer, kind: 'attention', requestId: undefined });
    trace.transfer({ ...transfer, kind: 'weights', requestId: undefined, source: 'host' });
    trace.sample(sample);
  });
  const named = (ph: string) => traceEvents.filter((event) => event.ph === ph);
  expect(named('b').map(({ name, pid }) => [name, pid])).toEqual([
    ['exchange', 3],
    ['attention', 3],
    ['weights', 4],
  ]);
  expect(Object.fromEntries(named('C').map(({ name, args }) => [name, args]))).toEqual({
    'kv bytes': { used: 100, free: 300 },
    'weight bytes': { held: 1000, loading: 40, dropped: 50 },
    requests: { waiting: 5, running: 6, swapped: 7, exchanging: 2 },
  });
});

test('decisions other than dispatch, events and counters are there', () => {
  const { traceEvents } = traceOf((trace) => {
    trace.decision(dispatch);
    trace.decision(preemption);
    trace.clusterEvent(clusterEvent);
    trace.sample(sample);
  });
  const names = traceEvents
    .filter((event) => event.ph === 'i' || event.ph === 'C')
    .map((event) => event.name);
  expect(names).toEqual([
    'preempt',
    'instanceReady',
    'kv bytes',
    'weight bytes',
    'requests',
    'trace complete',
  ]);
});

test('beyond its limit the trace stops and says so in itself', () => {
  const { traceEvents, otherData } = traceOf((trace) => {
    for (let i = 0; i < 10; i += 1) trace.stage({ ...stage, startedAtUs: i * 10, endedAtUs: i * 10 + 5 });
    trace.transfer(transfer);
  }, 4);
  expect(traceEvents.filter((event) => event.ph === 'X')).toHaveLength(4);
  expect(otherData).toMatchObject({ left_out: 12, note: 'cut off at 35 us: 4 events are the most' });
  expect(traceEvents.at(-1)!.name).toContain('cut off at 35 us');
});
