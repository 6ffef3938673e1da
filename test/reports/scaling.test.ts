import { rollup, sum } from 'd3-array';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ResolvedConfig } from '../../harness/config/index.ts';
import { asGroupId, asInstanceId } from '../../harness/domain/ids.ts';
import { Fragmentation } from '../../harness/metrics/fragmentation.ts';
import type { DecisionRow, TimeseriesRow } from '../../harness/metrics/results.ts';
import { frontierOf } from '../../reports/charts/cost-attainment.ts';
import { charts } from '../../reports/charts/index.ts';
import { phaseSegments } from '../../reports/segments.ts';
import { openRequests } from '../../reports/open-requests.ts';
import { byTime, fleetSteps, Phases } from '../../reports/fleet.ts';
import { fragmentationOf, freeMemoryOf, kvBytesPerToken } from '../../reports/free-memory.ts';
import { doneCells } from '../../reports/load.ts';
import type { DoneCell, Results } from '../../reports/load.ts';
import { instanceNames, scaleEventsOf } from '../../reports/scale-events.ts';
import * as fc from '../fast-check.ts';
import { cellOf as cellIn, resultsOf, valuesIn } from './fixtures.ts';

let results: Results;
beforeAll(async () => {
  results = await resultsOf('everything that a stack can do');
});

function cellOf(policy: string): DoneCell {
  return cellIn(results, policy);
}

function drawn(name: string, from = results) {
  const drawing = charts[name]!.draw(from);
  if (drawing.kind !== 'drawn') throw new Error(drawing.reason);
  return { ...drawing, values: valuesIn(drawing.spec) };
}

function partsOf(spec: object): { title?: unknown }[] {
  return 'vconcat' in spec ? (spec.vconcat as { title?: unknown }[]) : [];
}

function titlesOf(spec: object): unknown[] {
  return partsOf(spec).map(({ title }) => title);
}

describe('instances over time', () => {
  it('counts every instance that is not gone, in the phase that it is in', () => {
    const cells = [cellOf('chiron'), cellOf('hpa')];
    const phases = new Phases(cells);
    const seen = new Set<string>();
    for (const cell of cells) {
      const steps = fleetSteps(cell, phases);
      for (const rows of byTime(cell.timeseries).values()) {
        const step = steps.findLast(({ timeUs }) => timeUs <= rows[0]!.time_us)!;
        const there = rows.filter(({ state }) => state !== 'stopped' && state !== 'failed');
        expect(step.total).toBe(there.length);
        expect(step.counts.get('serving, interactive') ?? 0).toBe(
          there.filter(({ role, state }) => role === 'interactive' && state === 'ready').length,
        );
      }
      for (const name of steps.flatMap(({ counts }) => [...counts.keys()])) seen.add(name);
    }
    for (const name of [
      'serving, interactive',
      'provisioning',
      'loading weights',
      'warming up',
      'draining',
    ]) {
      expect(seen).toContain(name);
    }
  });

  it('tells roles apart only where there are several', () => {
    expect(new Phases([cellOf('hpa')]).all[0]?.name).toBe('serving');
    const names = new Phases([cellOf('hpa'), cellOf('chiron')]).all.map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['serving, mixed', 'serving, interactive']);
    expect(new Set(names).size).toBe(names.length);
  });

  it('gives roles that it knows their own colour and the others another', () => {
    const cell = cellOf('hpa');
    const rows = cell.timeseries.map((row, index) => ({
      ...row,
      role: index % 2 === 0 ? 'interactive' : 'x',
    }));
    const [first, second] = new Phases([{ ...cell, timeseries: rows }]).all;
    const known = new Phases([cellOf('chiron')]).all.find(({ name }) => name === 'serving, interactive');
    expect(first).toEqual(known);
    expect(second).toMatchObject({ name: 'serving, x' });
    expect(second?.hue).not.toBe(first?.hue);
  });

  it('lets roles beyond the colours share one', () => {
    const cell = cellOf('hpa');
    const rows = cell.timeseries.map((row, index) => ({ ...row, role: `role${index % 7}` }));
    const phases = new Phases([{ ...cell, timeseries: rows }]);
    const serving = phases.all.filter(({ name }) => name.startsWith('serving'));
    expect(serving.map(({ name }) => name)).toEqual([
      'serving, role0',
      'serving, role1',
      'serving, role2',
      'serving, other roles',
    ]);
    expect(new Set(serving.map(({ hue }) => hue)).size).toBe(4);
  });

  it('shows stacks that scale, and lists the reasons of the first events and how many more there are', () => {
    const { spec, table } = drawn('fleet');
    expect(titlesOf(spec).filter((title) => String(title).endsWith(': instances'))).toEqual([
      'chiron: instances',
      'hpa: instances',
      'llumnix-hpa: instances',
    ]);
    const own = table!.rows.filter(([stack]) => stack === 'hpa');
    expect(own).toHaveLength(6);
    const firstReason = 'kv-usage 0.97 on 4 instances, target 0.7: 4 to 6 replicas';
    expect(own.slice(0, 2)).toEqual([
      ['hpa', '0.340', 'asked for: 2 instances', 'hpa', firstReason],
      ['hpa', '0.552', 'start failed: instance 4', 'the cluster', 'attempt 1 failed, the next in 0.05 s'],
    ]);
    const roles = table!.rows.filter(([stack]) => stack === 'chiron').map((row) => row[2]);
    expect(roles).toContain('asked for: 3 instances, role mixed');
    expect(table!.rest).toContain('Not listed: 2 of hpa, 1 of llumnix-hpa');
  });

  it('gives marks their reason and keeps the most instances', () => {
    const { spec, values } = drawn('fleet');
    const marks = values.filter((row) => row['kind'] === 'asked for');
    expect(marks.map((mark) => mark['why'])).toEqual([
      '4 of 4 interactive and mixed instances busy; 0 groups of batch requests late',
      'kv-usage 0.97 on 4 instances, target 0.7: 4 to 6 replicas',
      'kv-usage 0.79 on 6 instances, target 0.7: 6 to 7 replicas',
      'kv-usage 0.96 on 4 instances, target 0.7: 4 to 6 replicas',
      'kv-usage 0.80 on 6 instances, target 0.7: 6 to 7 replicas',
    ]);
    const tops = partsOf(spec).map((part) => {
      const rows = valuesIn(part).filter((row) => row['phase'] !== undefined);
      const totals = rollup(
        rows,
        (own) => sum(own, (row) => Number(row['count'])),
        (row) => row['s'],
      );
      return Math.max(0, ...totals.values());
    });
    expect(Math.max(...tops)).toBe(7);
  });

  it('counts open requests from their arrivals and ends, wherever they wait', () => {
    const cell = cellOf('hpa');
    const steps = openRequests(cell, 1_000_000);
    for (const { timeUs, open } of steps.filter((_, index) => index % 97 === 0)) {
      const expected = cell.requests.filter(
        (row) => row.arrived_at_us <= timeUs && (row.ended_at_us ?? Infinity) > timeUs,
      );
      expect(open).toBe(expected.length);
    }
  });

  it('joins what one policy does at one time for one reason, and leaves out what was refused', () => {
    const cell = cellOf('hpa');
    const decisions = [roleDecision(0), roleDecision(1), roleDecision(2), roleDecision(3, 'rejected')];
    expect(scaleEventsOf({ ...cell, events: [], decisions })).toEqual([
      { timeUs: 5, kind: 'other role', what: 'instances 0–2, role batch', who: 'p', why: 'why' },
    ]);
    expect(instanceNames([4])).toBe('instance 4');
    expect(instanceNames([5, 2])).toBe('instances 2, 5');
  });

  it('divides the instance-seconds of every stack without a rest', () => {
    const { values, answer } = drawn('instance-time');
    // Mean over the two seeds.
    const totals = {
      recompute: 8.2714,
      swap: 8.2714,
      llumnix: 8.2714,
      'llumnix-blocking': 8.2714,
      kunserve: 8.8918,
      'kunserve-even': 8.5346,
      chiron: 13.2845,
      hpa: 10.0606,
      'llumnix-hpa': 9.9027,
      unlimited: 8.2714,
    };
    expect(results.manifest.stacks.map(({ name }) => name)).toEqual(Object.keys(totals));
    for (const [name, total] of Object.entries(totals)) {
      const bars = values.filter((row) => row['stack'] === name && row['kind'] !== undefined);
      const shown = sum(bars, (row) => Number(row['seconds']));
      expect(shown / total).toBeCloseTo(1, 2);
      const cold = bars.filter(({ kind }) => kind === 'provisioning' || kind === 'loading weights');
      expect(cold.length).toBe(name.includes('hpa') || name === 'chiron' ? 2 : 0);
    }
    expect(answer).toContain('cold starts: chiron 2.11 of 13.3 (15.9 %), hpa 1.55 of 10.1 (15.4 %)');
  });
});

describe('migrations', () => {
  it('draws a line for each from source to target, aborted ones apart', () => {
    const { values, spec } = drawn('migrations');
    const stacks = ['llumnix', 'llumnix-blocking', 'llumnix-hpa'];
    expect(titlesOf(spec)).toEqual(stacks.map((stack) => `${stack}: instances`));
    const arcs = values.filter((row) => row['from'] !== undefined && row['way'] !== undefined);
    expect(arcs.length).toBe(22 + 27 + 52);
    const aborted = arcs.filter((row) => row['outcome'] === 'aborted');
    expect(aborted.map((arc) => arc['downtime'])).toEqual([
      'none: the request ended or was given up',
      'none: no room for its last 4 blocks at its target',
      'none: the request ended or was given up',
    ]);
  });

  it('has lanes without a gap while an instance is there', () => {
    const cell = cellOf('llumnix-hpa');
    const segments = phaseSegments(cell, new Phases([cell]));
    const ready = cell.events.findLast(({ kind }) => kind === 'instanceReady')!;
    const own = segments.filter(({ instance }) => instance === ready.instance);
    expect(own.map(({ phase }) => phase).slice(0, 4)).toEqual([
      'provisioning',
      'loading weights',
      'warming up',
      'serving',
    ]);
    own.slice(1).forEach((segment, index) => expect(segment.startUs).toBe(own[index]?.endUs));
  });

  it('shows whether downtime grows with length', () => {
    const { answer } = drawn('migration-downtime');
    expect(answer).toContain('live 1.50 ms up to 72.5 tokens and 0.569 ms above');
    expect(answer).toContain('blocking 1.50 ms up to 61.5 tokens and 2.44 ms above');
  });

  it('is left out, like all that comes with scaling, where nobody scales or migrates', async () => {
    const plain = await resultsOf('weights dropped, a fault');
    for (const name of ['fleet', 'instance-time', 'migrations', 'migration-downtime', 'free-memory']) {
      expect(charts[name]!.draw(plain).kind).toBe('absent');
    }
    expect(charts['cost-attainment']!.draw(plain).kind).toBe('absent');
  });
});

const memoryRow = fc.record({
  kv_used_bytes: fc.integer({ min: 0, max: 100 }),
  kv_free_bytes: fc.integer({ min: 0, max: 100 }),
  head_kv_bytes: fc.integer({ min: 0, max: 150 }),
});

describe('free memory', () => {
  it('takes as fragmented what the first in line could use elsewhere, smallest first', () => {
    const free = { kv_used_bytes: 60, kv_free_bytes: 40 };
    const rows = rowsOf([
      { ...free, head_kv_bytes: 50 },
      { ...free, head_kv_bytes: 45 },
      { ...free, head_kv_bytes: 41 },
      { ...free, head_kv_bytes: 40 },
    ]);
    // 41 + 45 + 50 of the 160 that are free; the last fits where it is.
    expect(fragmentationOf(rows)).toBeCloseTo(136 / 400, 12);
    expect(fragmentationOf(rows.slice(0, 2))).toBeCloseTo(45 / 200, 12);
    expect(fragmentationOf([])).toBeUndefined();
  });

  it('agrees with the metric of the same name', () => {
    fc.assert(
      fc.property(fc.array(memoryRow, { minLength: 1, maxLength: 8 }), (memory) => {
        const tally = new Fragmentation();
        for (const row of memory) tally.addSample(sampleOf(row));
        expect(fragmentationOf(rowsOf(memory))).toEqual(tally.ratios()?.mean);
      }),
    );
  });

  it('counts tokens that nobody needs, for each request, and of the fullest group', () => {
    const rows = rowsOf([
      { kv_free_bytes: 1000, waiting_kv_bytes: 0, running: 0, waiting: 0 },
      { kv_free_bytes: 100, waiting_kv_bytes: 400, running: 2, waiting: 1 },
      { kv_free_bytes: 9999, state: 'draining' },
    ]);
    const [only] = freeMemoryOf({ ...cellOf('llumnix'), timeseries: rows }, 10);
    expect(only?.freeness).toBeCloseTo((1100 - 400) / 10 / 3, 12);
    expect(only?.leastFreeness).toBeCloseTo((100 - 400) / 10 / 3, 12);
  });

  it('knows the size of KV from the configuration, and shows no bound', () => {
    const { numLayers, numKvHeads, headDim, bytesPerKvElement } = (
      results.manifest.config as unknown as ResolvedConfig
    ).model;
    expect(kvBytesPerToken(results)).toBe(2 * numLayers * numKvHeads * headDim * bytesPerKvElement);
    const { values } = drawn('free-memory');
    const stacks = new Set(values.flatMap(({ stack }) => stack ?? []));
    expect(stacks.has('unlimited')).toBe(false);
    expect(stacks.size).toBe(results.manifest.stacks.length - 1);
  });
});

describe('cost against attainment', () => {
  it('keeps on the frontier whom nobody beats on both', () => {
    const points = [point('a', 10, 0.5), point('b', 20, 0.4), point('c', 20, 0.9), point('d', 30, 0.9)];
    expect(frontierOf(points).map(({ stack }) => stack)).toEqual(['a', 'c']);
    expect(frontierOf([{ ...point('x', 1, 1), family: 'bound' }, ...points])).toHaveLength(2);
  });

  it('names every stack once, no two names in one place, none outside the picture', () => {
    for (const cells of [results.cells, attaining(1, 0.5), attaining(0.5, 1)]) {
      const { values } = drawn('cost-attainment', { ...results, cells });
      const names = values.filter((row) => row['at'] !== undefined);
      expect(new Set(names.map((row) => row['stack'])).size).toBe(results.manifest.stacks.length);
      const heights = names.map((row) => Number(row['at'])).toSorted((a, b) => a - b);
      const shares = names.map((row) => Number(row['value']));
      const least = (Math.max(...shares) - Math.min(...shares)) / 25;
      heights.slice(1).forEach((height, index) => expect(height - heights[index]!).toBeGreaterThan(least));
      expect(heights.at(-1)).toBeLessThanOrEqual(Math.max(...shares) + 0.005);
      const seedShares = cells.flatMap((cell) =>
        cell.status === 'done' ? (cell.summary.slo_attainment ?? []) : [],
      );
      const range = Math.max(...seedShares) - Math.min(...seedShares);
      expect(heights[0]).toBeGreaterThan(Math.min(...seedShares) - range * 0.13);
    }
  });
});

function sampleOf(row: Pick<TimeseriesRow, 'kv_used_bytes' | 'kv_free_bytes' | 'head_kv_bytes'>) {
  return {
    timeUs: 1,
    instanceId: asInstanceId(0),
    groupId: asGroupId(0),
    role: 'mixed',
    state: 'ready' as const,
    weightBytes: 0,
    kvUsedBytes: row.kv_used_bytes,
    kvFreeBytes: row.kv_free_bytes,
    reserveBytes: 0,
    loadingBytes: 0,
    droppedBytes: 0,
    hostKvBytes: 0,
    waitingKvBytes: 0,
    headKvBytes: row.head_kv_bytes,
    numWaiting: 0,
    numRunning: 0,
    numSwapped: 0,
    numStalled: 0,
    prefillTokens: 0,
    decodeTokens: 0,
    busyUs: 0,
  };
}

/** Rows of one sample that differ in this only. */
function rowsOf(rows: readonly Partial<TimeseriesRow>[]): TimeseriesRow[] {
  const [row] = cellOf('llumnix').timeseries;
  return rows.map((own, instance) => ({ ...row!, instance, group: instance, ...own }));
}

function point(stack: string, cost: number, value: number) {
  return { stack, cost, value, family: 'other' };
}

function roleDecision(groupId: number, outcome: DecisionRow['outcome'] = 'applied'): DecisionRow {
  const data = { groupId, role: 'batch' };
  return { time_us: 5, policy: 'p', moment: 'onTick', kind: 'setRole', data, reason: 'why', outcome };
}

/** All finished cells with the same attainment, apart from one stack's. */
function attaining(share: number, other: number): DoneCell[] {
  return doneCells(results).map((cell) => ({
    ...cell,
    summary: { ...cell.summary, slo_attainment: cell.policy === 'hpa' ? other : share },
  }));
}
