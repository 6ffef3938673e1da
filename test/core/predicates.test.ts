import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type * as checks from '../../harness/core/invariants/check-invariants.ts';
import type { Cluster } from '../../harness/core/state/cluster.ts';
import { definePolicy } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { asks, readFunctions } from '../architecture/core-functions.ts';
import * as fc from '../fast-check.ts';
import { askAll, askedNames } from './questions.ts';
import { restless } from './restless.ts';
import { requests } from './schedules.ts';
import { snapshot } from './snapshot.ts';

/** What is done around the check of the invariants, which comes after every event: the way to the cluster that runs. */
const hook = vi.hoisted(() => ({
  around: (_cluster: Cluster, check: () => void): void => check(),
}));

vi.mock('../../harness/core/invariants/check-invariants.ts', async (importOriginal) => {
  const original = await importOriginal<typeof checks>();
  return {
    checkInvariants: (cluster: Cluster): void =>
      hook.around(cluster, () => original.checkInvariants(cluster)),
  };
});

afterEach(() => {
  hook.around = (_cluster, check) => check();
});

/** Asks at every n-th moment, and remembers at which the state was another one afterwards. */
class Prober {
  numMoments = 0;
  numAsked = 0;
  readonly changes: string[][] = [];
  readonly #every: number;
  #cluster: Cluster | undefined;

  constructor(every: number) {
    this.#every = every;
  }

  /** Between two events. */
  around(cluster: Cluster, check: () => void): void {
    this.#cluster = cluster;
    this.look(check);
  }

  /** Also in the middle of one, when a policy is asked. */
  look(check = (): void => undefined): void {
    this.numMoments += 1;
    const cluster = this.#cluster;
    if (cluster === undefined || this.numMoments % this.#every !== 0) {
      check();
      return;
    }
    this.numAsked += 1;
    // Reading what groups have told of their load is meant to be noticed: that load is reported from then on.
    const { effects, loadReports, model, stack, requests: open } = cluster;
    const leaveOut = new Set<unknown>([
      effects.executor,
      effects.observer,
      loadReports,
      model,
      stack,
      open.workload,
    ]);
    const before = snapshot(cluster, leaveOut);
    check();
    askAll(cluster);
    const after = snapshot(cluster, leaveOut);
    const changed = after.filter((line, index) => line !== before[index]);
    if (changed.length > 0 || after.length !== before.length) this.changes.push(changed.slice(0, 3));
  }
}

/** Answers nothing, but lets the prober look in the middle of what the core does. */
function lookerOf(prober: Prober | undefined) {
  return definePolicy({
    name: 'looker',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: {},
    create: () => ({
      onSchedule: () => {
        prober?.look();
        return [];
      },
      onMemoryPressure: () => {
        prober?.look();
        return undefined;
      },
      onEvent: () => {
        prober?.look();
        return [];
      },
    }),
  });
}

const { 'least-loaded': leastLoaded, recompute, swap, unlimited } = policies;
const stacks = [
  [restless, leastLoaded, recompute],
  [restless, leastLoaded, swap, recompute],
  [restless, leastLoaded, unlimited],
];

const run = fc.record({
  specs: requests,
  stackIndex: fc.nat({ max: stacks.length - 1 }),
  blocks: fc.integer({ min: 8, max: 30 }),
  hostBlocks: fc.integer({ min: 0, max: 40 }),
  maxBatchTokens: fc.constantFrom(16, 64, 500),
  numInstances: fc.constantFrom(2, 4),
  networkMBs: fc.constantFrom(1, 100),
  policySeed: fc.nat(),
  every: fc.integer({ min: 8, max: 60 }),
});

function runOnce(drawn: typeof run extends fc.Arbitrary<infer T> ? T : never, prober: Prober | undefined) {
  const { stackIndex, networkMBs, every: _every, ...others } = drawn;
  if (prober !== undefined) hook.around = (cluster, check) => prober.around(cluster, check);
  const options: TinyRun = {
    ...others,
    maxInstances: others.numInstances + 2,
    hardware: { network: { bytesPerSecond: networkMBs * 1e6, latencyUs: 10 }, start: tinyHardware(1).start },
    maxDurationUs: 1e6,
    policies: [lookerOf(prober), ...stacks[stackIndex]!],
  };
  const { seen } = runTiny(options);
  hook.around = (_cluster, check) => check();
  return seen;
}

describe('what can be asked of the state', () => {
  it('leaves the state as it was, at any moment of any run, and the run as it would have been', () => {
    let numAsked = 0;
    fc.assert(
      fc.property(run, (drawn) => {
        const prober = new Prober(drawn.every);
        const asked = runOnce(drawn, prober);
        expect(prober.changes).toEqual([]);
        expect(asked).toEqual(runOnce(drawn, undefined));
        numAsked += prober.numAsked;
      }),
      { numRuns: 30 },
    );
    expect(numAsked).toBeGreaterThan(1000);
  });

  it('is all asked there', () => {
    const names = readFunctions(['harness/core'])
      .filter((each) => asks(each) && !each.isGetter && each.isExported)
      .map(({ name }) => name);
    expect(names.filter((name) => !askedNames.has(name))).toEqual([]);
  });

  it('is seen to change by the snapshot: fields, private ones behind getters, and queues', () => {
    const prober = new Prober(1);
    const changes: number[] = [];
    hook.around = (cluster) => {
      const before = snapshot(cluster, new Set());
      const [group] = cluster.topology.groups;
      group!.counters.numSteps += 1;
      const one = snapshot(cluster, new Set()).filter((line, index) => line !== before[index]);
      group!.layout.parts[0]!.instance.ledger.grow(1);
      const two = snapshot(cluster, new Set()).filter((line, index) => line !== before[index]);
      changes.push(one.length, two.length);
      throw new Error('seen enough');
    };
    const specs = fc.sample(requests, 1)[0]!;
    expect(() => runTiny({ specs, policies: [lookerOf(prober), leastLoaded, recompute] })).toThrow(
      'seen enough',
    );
    expect(changes[0]).toBe(1);
    expect(changes[1]).toBeGreaterThan(2);
  });
});
