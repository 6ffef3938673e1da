import { expect, test } from 'vitest';
import { asGroupId, asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import { TraceEvents } from '../../harness/metrics/trace-events.ts';
import { clusterEvent, dispatch, migration, preemption, sample, stage, transfer } from './records.ts';
import { TextSink } from './text-sink.ts';
import { type Trace, traceProblems } from './trace-problems.ts';

function traceOf(report: (trace: TraceEvents) => void, maxEvents?: number): Trace {
  const sink = new TextSink();
  const trace = new TraceEvents(sink, maxEvents);
  report(trace);
  trace.close();
  trace.close();
  return JSON.parse(sink.text) as Trace;
}

/** Name of the track that an event is on. */
function threadOf(traceEvents: Trace['traceEvents'], { pid, tid }: Trace['traceEvents'][number]): unknown {
  const name = traceEvents.find(
    (event) => event.name === 'thread_name' && event.pid === pid && event.tid === tid,
  );
  return name?.args?.['name'];
}

test('a step is a slice on the track of its instance', () => {
  const { traceEvents } = traceOf((trace) => trace.stage(stage));
  const slice = traceEvents.find((event) => event.ph === 'X')!;
  expect(threadOf(traceEvents, slice)).toBe('steps');
  expect(slice).toMatchObject({ name: 'decode', ts: 1000, dur: 3000, args: { requests: 3 } });
  const name = traceEvents.find((event) => event.name === 'process_name' && event.pid === slice.pid);
  expect(name?.args).toEqual({ name: 'instance 2' });
});

test('a transfer is an async span with an arrow from slice to slice', () => {
  const trace = traceOf((events) => events.transfer(transfer));
  const { traceEvents } = trace;
  expect(traceProblems(trace)).toEqual([]);
  const phase = (ph: string) => traceEvents.find((event) => event.ph === ph)!;
  expect([phase('b').ts, phase('e').ts]).toEqual([150, 400]);
  expect(phase('b').id).toBe(phase('e').id);
  expect(phase('s').pid).not.toBe(phase('f').pid);
});

test('a migration is an async span with its downtime inside, and an arrow from source to target', () => {
  const trace = traceOf((events) => {
    events.migration(migration);
    events.migration({
      ...migration,
      requestId: asRequestId(7),
      startedAtUs: 200,
      stoppedAtUs: undefined,
      abortReason: 'no "room"',
    });
  });
  expect(traceProblems(trace)).toEqual([]);
  const spans = trace.traceEvents.filter(({ ph }) => ph === 'b' || ph === 'e');
  expect(spans.map(({ ph, name, id, ts }) => [ph, name, id, ts])).toEqual([
    ['b', 'request 4', 1, 100],
    ['b', 'stopped', 1, 360],
    ['e', 'stopped', 1, 400],
    ['e', 'request 4', 1, 400],
    ['b', 'request 7 (aborted)', 2, 200],
    ['e', 'request 7 (aborted)', 2, 400],
  ]);
  expect(spans.every((span) => span.pid === 3 && threadOf(trace.traceEvents, span) === 'migrations')).toBe(
    true,
  );
  expect(spans[0]?.args).toMatchObject({ protocol: 'live', bytes: 8192, downtime_us: 40 });
  expect(spans[4]?.args).toMatchObject({ downtime_us: null, reason: 'no "room"' });
  const arrows = trace.traceEvents.filter(({ ph }) => ph === 's' || ph === 'f');
  expect(arrows.map(({ ph, pid, ts }) => [ph, pid, ts])).toEqual([
    ['s', 3, 100],
    ['f', 4, 400],
  ]);
});

function statesOf({ traceEvents }: Trace): unknown[] {
  const states = traceEvents.filter((event) => threadOf(traceEvents, event) === 'state' && event.ph === 'X');
  return states.map(({ pid, name, ts, dur }) => [pid, name, ts, dur]);
}

test('the states of an instance are slices without gaps, until it is released', () => {
  const about = { instanceId: asInstanceId(2), groupId: asGroupId(2), detail: '' };
  const trace = traceOf((events) => {
    events.clusterEvent({ ...about, timeUs: 10, kind: 'instanceRequested' });
    events.sample({ ...sample, timeUs: 15, state: 'provisioning' });
    events.clusterEvent({ ...about, timeUs: 20, kind: 'startFailed' });
    events.clusterEvent({ ...about, timeUs: 40, kind: 'loadStarted' });
    events.clusterEvent({ ...about, timeUs: 70, kind: 'weightsLoaded' });
    events.clusterEvent({ ...about, timeUs: 80, kind: 'instanceReady' });
    events.clusterEvent({ ...about, timeUs: 85, kind: 'weightsLoaded' });
    events.clusterEvent({ ...about, timeUs: 90, kind: 'drainStarted' });
    events.clusterEvent({ ...about, timeUs: 95, kind: 'drainCancelled' });
    events.clusterEvent({ ...about, timeUs: 96, kind: 'drainStarted' });
    events.clusterEvent({ ...about, timeUs: 99, kind: 'instanceStopped' });
    events.sample({ ...sample, timeUs: 120, state: 'stopped' });
  });
  expect(traceProblems(trace)).toEqual([]);
  expect(statesOf(trace)).toEqual([
    [3, 'provisioning', 10, 30],
    [3, 'loading', 40, 30],
    [3, 'warming-up', 70, 10],
    [3, 'ready', 80, 10],
    [3, 'draining', 90, 5],
    [3, 'ready', 95, 1],
    [3, 'draining', 96, 3],
  ]);
});

test('a state lasts to the end of the trace, and a change that no event tells shows with the next sample', () => {
  const trace = traceOf((events) => {
    events.clusterEvent({ ...clusterEvent, timeUs: 0 });
    events.sample({ ...sample, timeUs: 50, state: 'loading' });
    events.sample({ ...sample, timeUs: 80, state: 'loading' });
  });
  expect(statesOf(trace)).toEqual([
    [3, 'ready', 0, 50],
    [3, 'loading', 50, 30],
  ]);
});

test('a trace that is full keeps the states that it ended with', () => {
  const trace = traceOf((events) => {
    events.clusterEvent({ ...clusterEvent, timeUs: 0 });
    events.clusterEvent({ ...clusterEvent, timeUs: 30, kind: 'roleChanged' });
    events.clusterEvent({ ...clusterEvent, timeUs: 60, kind: 'instanceFailed' });
    events.sample({ ...sample, timeUs: 90, state: 'loading' });
  }, 2);
  expect(statesOf(trace)).toEqual([[3, 'ready', 0, 30]]);
});

test('scaling has a track of its own, with the reason of each decision, escaped', () => {
  const reason = 'queue "long"\n> 3';
  const { traceEvents } = traceOf((trace) => {
    trace.decision({ ...preemption, kind: 'scaleUp', data: { numInstances: 2 }, reason });
    trace.decision({ ...preemption, kind: 'drain', data: { groupId: 2 }, outcome: 'rejected' });
    trace.decision(preemption);
  });
  const decisions = traceEvents.filter(({ ph, name }) => ph === 'i' && !name.startsWith('trace'));
  expect(decisions.map((event) => [event.name, threadOf(traceEvents, event)])).toEqual([
    ['scaleUp', 'scaling'],
    ['drain (rejected)', 'scaling'],
    ['preempt', 'decisions'],
  ]);
  expect(decisions[0]?.args).toMatchObject({ reason, data: { numInstances: 2 } });
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
    requests: { waiting: 5, running: 6, swapped: 7, stalled: 2 },
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
