import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import type { LoadReporting } from '../../harness/core/state/load/load-reports.ts';
import type { ClusterView, Policy, PolicyDefinition } from '../../harness/policy/index.ts';
import { StuckError } from '../../harness/core/run-errors.ts';
import { policies } from '../../policies/index.ts';
import { policyOf, withParams } from './policy-of.ts';
import { scripted } from './scripted.ts';

const { 'round-robin': roundRobin, recompute } = policies;
const live = { kind: 'live' } as const;
const perStep = { kind: 'per-step' } as const;

/** What of a group's load is reported. */
function loadOf({ groups }: ClusterView) {
  return groups.map((group) => ({
    observedAtUs: group.observedAtUs,
    free: group.freeBlocks,
    demand: group.demandBlocks,
    counts: [group.waiting.length, group.running.length],
    cells: group.stages.map(({ instance }) => instance.usedCells),
    running: Array.from(group.running, ({ id, tokens }) => [id, tokens]),
  }));
}

interface Look {
  readonly nowUs: number;
  readonly observedAtUs: number;
  readonly groups: ReturnType<typeof loadOf>;
}

/** What policies see every 200 us, and what a step's own policies do. */
function looks(loadReports: LoadReporting, more: Partial<TinyRun> = {}) {
  const seen: Look[] = [];
  const watch = (view: ClusterView): void => {
    seen.push({ nowUs: view.nowUs, observedAtUs: view.observedAtUs, groups: loadOf(view) });
  };
  const run = runTiny({
    specs: Array.from({ length: 12 }, (_, id) => request(id, 300 * id, 30 + 7 * (id % 5), 9)),
    policies: [scripted([], watch), roundRobin, recompute],
    numInstances: 2,
    loadReports,
    ...more,
  });
  return { seen, stages: run.seen.stages };
}

describe('load as policies see it', () => {
  it('is as of now where it is live', () => {
    const { seen } = looks(live);
    expect(seen.every(({ nowUs, observedAtUs }) => observedAtUs === nowUs)).toBe(true);
  });

  it('is as of the last interval where it is asked for at intervals', () => {
    const { seen } = looks({ kind: 'every', us: 1000 });
    // The first look is the first report.
    for (const { nowUs, groups } of seen.slice(5)) {
      for (const { observedAtUs } of groups) expect(observedAtUs).toBe(Math.floor(nowUs / 1000) * 1000);
    }
  });

  it('does not change between two reports', () => {
    const { seen } = looks({ kind: 'every', us: 1000 });
    const firstOf = new Map<number, Look>();
    for (const look of seen.slice(5)) {
      const first = firstOf.get(look.observedAtUs) ?? look;
      firstOf.set(look.observedAtUs, first);
      expect(look.groups).toEqual(first.groups);
    }
    expect(firstOf.size).toBeGreaterThan(3);
  });

  it('is what a live look at that time shows', () => {
    const truth = new Map(looks(live).seen.map(({ nowUs, groups }) => [nowUs, groups]));
    for (const { nowUs, groups } of looks({ kind: 'every', us: 1000 }).seen.slice(5)) {
      // A look at the same microsecond comes after the report.
      expect(groups).toEqual(truth.get(Math.floor(nowUs / 1000) * 1000));
    }
  });

  it('is as of when the last finished step was scheduled where steps carry it', () => {
    const { seen, stages } = looks(perStep);
    let numBusy = 0;
    for (const { nowUs, groups } of seen.slice(1)) {
      groups.forEach(({ observedAtUs }, instance) => {
        const own = stages.filter((stage) => stage.instanceId === instance);
        const finished = own.filter(({ endedAtUs }) => endedAtUs <= nowUs).at(-1);
        const isBusy = own.some(({ startedAtUs, endedAtUs }) => startedAtUs <= nowUs && nowUs < endedAtUs);
        // The first look is at 200 us; steps that began before carry nothing.
        if (finished === undefined || finished.startedAtUs <= 200 || !isBusy) return;
        // Between two steps the instance may have stood idle, and then it has said so.
        const hasWorked = own.some(({ startedAtUs }) => startedAtUs === finished.endedAtUs);
        if (hasWorked) expect(observedAtUs).toBe(finished.startedAtUs);
        numBusy += 1;
      });
    }
    expect(numBusy).toBeGreaterThan(20);
  });

  it('shows an instance without work as it is', () => {
    const { seen } = looks(perStep, {
      specs: [request(0, 0, 40, 3), request(1, 20_000, 40, 3)],
      numInstances: 1,
    });
    const idle = seen.filter(({ nowUs }) => nowUs > 10_000 && nowUs < 20_000);
    expect(idle.length).toBeGreaterThan(10);
    for (const { groups } of idle) {
      expect(groups[0]).toMatchObject({ free: 20, demand: 0, counts: [0, 0], cells: [0] });
    }
  });

  it('is live for the group whose own step is being formed, and for whoever asks its engine', () => {
    let numChecks = 0;
    const policy: Policy = {
      onSchedule: (group, view) => {
        const own = view.groups.find(({ id }) => id === group.id);
        expect(own?.observedAtUs).toBe(view.nowUs);
        expect(own).toBe(group);
        const other = view.groups.find(({ id }) => id !== group.id);
        expect(view.local(other!.id)?.observedAtUs).toBe(view.nowUs);
        numChecks += 1;
        return undefined;
      },
    };
    looks({ kind: 'every', us: 1000 }, { policies: [policyOf(policy), roundRobin, recompute] });
    expect(numChecks).toBeGreaterThan(10);
  });

  it('leaves requests that nobody has reported yet out, and shows held ones as they are', () => {
    const seen: (readonly [boolean, boolean])[] = [];
    const policy: Policy = {
      dispatch: ({ id }, view) => {
        // Whoever looks at a group's load has it reported from then on.
        expect(view.groups[0]?.freeBlocks).toBe(20);
        const before = view.request(asRequestId(id - 1));
        seen.push([view.request(id) !== undefined, before !== undefined]);
        return { kind: 'dispatch', groupId: asGroupId(0), reason: 'test' };
      },
    };
    const specs = [0, 1, 2].map((id) => request(id, 10 + 10 * id, 40, 3));
    runTiny({ specs, policies: [policyOf(policy), recompute], loadReports: { kind: 'every', us: 1e6 } });
    expect(seen).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
  });
});

/** Requests of a burst, by the group that they went to. */
function spread(dispatcher: PolicyDefinition, more: Partial<TinyRun> = {}): number[] {
  const { seen } = runTiny({
    specs: Array.from({ length: 16 }, (_, id) => request(id, id + 1, 30, 4)),
    policies: [dispatcher, recompute],
    numInstances: 4,
    loadReports: { kind: 'every', us: 1e6 },
    ...more,
  });
  const groups = seen.requests.map(({ groupId }) => groupId);
  return [0, 1, 2, 3].map((id) => groups.filter((groupId) => groupId === id).length);
}

describe('a dispatcher with old load', () => {
  const dispatchers = [
    ['least-loaded', { by: 'memory' }],
    ['least-loaded', { by: 'requests' }],
    ['infaas-plus-plus', {}],
    ['llumnix', {}],
  ] as const;

  it.each(dispatchers)('%s %o spreads a burst if it counts what it has sent', (name, params) => {
    const counts = spread(withParams(name, { ...params, countsSent: true }));
    expect(counts).toEqual([4, 4, 4, 4]);
  });

  it.each([live, perStep, { kind: 'every', us: 1e6 } as const])(
    'spreads what arrives in the microsecond of a report (%o)',
    (loadReports) => {
      const specs = Array.from({ length: 16 }, (_, id) => request(id, 500, 30, 4));
      expect(spread(withParams('least-loaded', {}), { specs, loadReports })).toEqual([4, 4, 4, 4]);
    },
  );

  it('spreads the branches that follow an answer at once, although the instance has just said that it is idle', () => {
    const arrival = { kind: 'after', requestId: asRequestId(0), delayUs: 0 } as const;
    const branches = Array.from({ length: 15 }, (_, index) => ({ ...request(index + 1, 0, 30, 4), arrival }));
    const specs = [request(0, 500, 30, 4), ...branches];
    const counts = spread(withParams('least-loaded', {}), { specs, loadReports: perStep });
    expect(Math.max(...counts)).toBeLessThanOrEqual(5);
  });

  it.each(dispatchers)('%s %o herds if it does not', (name, params) => {
    expect(spread(withParams(name, { ...params, countsSent: false }))).toEqual([16, 0, 0, 0]);
  });

  it('Chiron packs an instance no fuller than it may', () => {
    const counts = spread(withParams('chiron', { global: false, fillShare: 0.5 }));
    // 20 blocks, half of them, two a request.
    expect(Math.max(...counts.slice(0, 3))).toBeLessThanOrEqual(6);
  });

  it('waits for the next report when it holds everything, however long nothing else happens', () => {
    const policy: Policy = {
      dispatch: (_request, { groups, nowUs }) =>
        groups[0]?.observedAtUs === 0 || nowUs < 1e6
          ? { kind: 'hold', reason: 'old' }
          : { kind: 'dispatch', groupId: asGroupId(0), reason: 'new' },
    };
    const { seen } = runTiny({
      specs: [request(0, 5, 30, 2)],
      policies: [policyOf(policy), recompute],
      loadReports: { kind: 'every', us: 70e6 },
    });
    expect(seen.requests).toMatchObject([{ status: 'finished', firstScheduledAtUs: 70e6 }]);
  });

  it('is told when nothing comes of waiting, although reports never end', () => {
    const policy: Policy = {
      dispatch: (_request, { groups }) => ({ kind: 'hold', reason: `${groups[0]?.freeBlocks} blocks free` }),
    };
    const run = (): unknown =>
      runTiny({
        specs: [request(0, 5, 30, 2)],
        policies: [policyOf(policy), recompute],
        loadReports: { kind: 'every', us: 1e6 },
        maxDurationUs: 1000e6,
      });
    expect(run).toThrow(StuckError);
  });
});
