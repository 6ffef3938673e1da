import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asGroupId } from '../../harness/domain/ids.ts';
import { checkPolicy } from '../../harness/conformance/index.ts';
import {
  definePolicy,
  type Policy,
  type PolicyDefinition,
  type PolicyDeps,
} from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';

describe.each(Object.entries<PolicyDefinition>(policies))('built-in policy %s', (_, definition) => {
  it.each(checkPolicy(definition))('$name ($detail)', ({ status, detail }) => {
    expect(status, detail).toBe('passed');
  });
});

function definitionOf(
  create: (deps: PolicyDeps) => Policy,
  changes: Partial<PolicyDefinition> = {},
): PolicyDefinition {
  const definition = definePolicy({
    name: 'under-test',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { dispatches: true },
    create: (_params, deps) => create(deps),
  });
  return { ...definition, ...changes };
}

/** Names of the failed checks, each with its detail. */
function failuresOf(definition: PolicyDefinition): Record<string, string> {
  const failed = checkPolicy(definition).filter(({ status }) => status === 'failed');
  return Object.fromEntries(failed.map(({ name, detail }) => [name, detail]));
}

/** The first group that takes requests: groups and instances come and go. */
const toFirstOpen: Policy = {
  dispatch: (_request, { groups }) => {
    const open = groups.find(({ acceptsRequests }) => acceptsRequests);
    return open === undefined
      ? { kind: 'hold', reason: 'none takes requests' }
      : { kind: 'dispatch', groupId: open.id, reason: 'takes requests' };
  },
};

const toGroup0 = { kind: 'dispatch', groupId: asGroupId(0), reason: 'always' } as const;

describe('the suite finds', () => {
  it('nothing wrong with a plain dispatcher', () => {
    expect(failuresOf(definitionOf(() => toFirstOpen))).toEqual({});
  });

  it('a policy that looks for the true output length', () => {
    const failures = failuresOf(
      definitionOf(() => ({
        dispatch: (request) =>
          'outputTokens' in request
            ? toGroup0
            : { ...toGroup0, reason: String(Reflect.get(request, 'outputTokens')) },
      })),
    );
    expect(failures['reads only what views promise and writes nothing']).toContain(
      'a request has no "outputTokens"',
    );
  });

  it('a policy that writes to a view', () => {
    const failures = failuresOf(
      definitionOf(() => ({
        dispatch: (request) => {
          Reflect.set(request, 'priority', 9);
          return toGroup0;
        },
      })),
    );
    expect(failures['reads only what views promise and writes nothing']).toContain('read-only');
  });

  it('a policy that reorders the lists of a view', () => {
    const failures = failuresOf(
      definitionOf(() => ({
        dispatch: (_request, view) => {
          Reflect.apply(Array.prototype.reverse, view.groups, []);
          return toGroup0;
        },
      })),
    );
    expect(failures['reads only what views promise and writes nothing']).toContain('read-only');
    const sorting = definitionOf(() => ({
      dispatch: (_request, view) => {
        (view.groups as unknown as { sort(): void }).sort();
        return toGroup0;
      },
    }));
    expect(failuresOf(sorting)['reads only what views promise and writes nothing']).toContain(
      'has no "sort"',
    );
  });

  it('a policy that rolls its own dice', () => {
    let draws = 0;
    const failures = failuresOf(
      definitionOf(() => ({
        dispatch: () => {
          draws += 1;
          return { ...toGroup0, reason: `draw ${draws}` };
        },
      })),
    );
    expect(failures['decides the same when asked the same']).toContain('deps.rng');
  });

  it('a policy that changes the language, which is put back', () => {
    const { toSorted } = Array.prototype;
    const failures = failuresOf(
      definitionOf(() => {
        Reflect.set(Array.prototype, 'toSorted', () => []);
        Reflect.set(Array.prototype, 'last', () => undefined);
        return toFirstOpen;
      }),
    );
    expect(failures['leaves the language as it is']).toMatch(
      /it changed Array\.prototype\.toSorted \(while it .*\), Array\.prototype\.last/,
    );
    expect(Array.prototype.toSorted).toBe(toSorted);
    expect('last' in Array.prototype).toBe(false);
  });

  it('a policy that changes what it is given beside views', () => {
    const failures = failuresOf(
      definitionOf(({ startHardware }) => {
        Object.assign(startHardware, { memoryBytes: 0 });
        return toFirstOpen;
      }),
    );
    expect(failures['serves a calm load']).toMatch(/in create: Cannot assign to read only property/);
  });

  it('nothing wrong with an oracle, but with one that does not ask', () => {
    const capabilities = { dispatches: true, isOracle: true };
    const asking = definitionOf(
      ({ trueOutputTokens }) => ({
        dispatch: (request, view) =>
          (trueOutputTokens?.(request.id) ?? 0) > 0 ? toFirstOpen.dispatch?.(request, view) : undefined,
      }),
      { capabilities },
    );
    expect(failuresOf(asking)).toEqual({});
    const silent = definitionOf(() => toFirstOpen, { capabilities });
    expect(failuresOf(silent)).toEqual({
      'uses what it declares': expect.stringMatching(
        /^declares isOracle \(trueOutputTokens\) and never does it \(decided: dispatch \d+; asked/,
      ) as string,
    });
  });

  it('a policy that sends requests nowhere', () => {
    const failures = failuresOf(
      definitionOf(() => ({ dispatch: () => ({ ...toGroup0, groupId: asGroupId(7) }) })),
    );
    expect(failures['serves a calm load']).toContain('there is no group 7');
  });

  it('a policy that thinks the instances of the start are all there is, for ever', () => {
    const failures = failuresOf(definitionOf(() => ({ dispatch: () => toGroup0 })));
    expect(Object.keys(failures)).toEqual(
      expect.arrayContaining([
        'lives with an instance that fails',
        'lives with groups that merge and are split again',
      ]),
    );
    expect(failures['lives with an instance that fails']).toContain('there is no group 0');
    expect(failures['serves a calm load']).toBeUndefined();
  });

  it('a policy that sends requests to instances that are still loading', () => {
    const toNewest = definitionOf(() => ({
      dispatch: (_request, { groups }) => ({ ...toGroup0, groupId: groups.at(-1)?.id ?? asGroupId(0) }),
    }));
    const failures = failuresOf(toNewest);
    expect(failures['lives with instances that start, fail to start and drain']).toContain(
      'takes no requests',
    );
    expect(failures['serves an overload on several instances']).toBeUndefined();
  });

  it('a policy that rejects everything, and one that holds everything', () => {
    const refusing = failuresOf(definitionOf(() => ({ dispatch: () => ({ kind: 'reject', reason: 'no' }) })));
    expect(refusing['serves a calm load']).toBe('12 requests were rejected, though there was room for all');
    const holding = failuresOf(definitionOf(() => ({ dispatch: () => ({ kind: 'hold', reason: 'later' }) })));
    expect(holding['serves a calm load']).toContain('12 held at the cluster');
  });

  it('a policy that drains its instances until nobody serves', () => {
    const draining = definitionOf(
      () => ({
        ...toFirstOpen,
        tickUs: 100_000,
        onTick: ({ groups }) =>
          groups
            .filter(({ phase }) => phase === 'serving')
            .map(({ id }) => ({ kind: 'drain', groupId: id, reason: 'saves money' })),
      }),
      { capabilities: { dispatches: true, scales: true } },
    );
    expect(failuresOf(draining)['serves a calm load']).toBe('request 6 ended as unfinished');
  });

  it('decisions that are not among the capabilities', () => {
    const scaling = definitionOf(() => ({
      ...toFirstOpen,
      tickUs: 1_000_000,
      onTick: ({ numInstances, maxInstances }) =>
        numInstances < maxInstances ? [{ kind: 'scaleUp', numInstances: 1, reason: 'there is room' }] : [],
    }));
    const failures = failuresOf(scaling);
    expect(failures['serves with room for more instances']).toBe(
      'policy "under-test" failed in onTick: decides "scaleUp" without declaring the capability "scales"',
    );
    expect(failuresOf({ ...scaling, capabilities: { dispatches: true, scales: true } })).toEqual({});
  });

  it.each(['migrates', 'scales'] as const)('%s without a moment to do it in', (capability) => {
    const idle = definitionOf(() => toFirstOpen, { capabilities: { dispatches: true, [capability]: true } });
    expect(failuresOf(idle)['implements what its capabilities promise']).toMatch(
      new RegExp(`^${capability} is declared, without a moment to do it in: .*onTick`),
    );
  });

  it.each([
    ['tickUs without onTick', { tickUs: 1000 }],
    ['onTick without tickUs', { onTick: () => [] }],
  ])('%s', (_, moments) => {
    const failures = failuresOf(definitionOf(() => ({ ...toFirstOpen, ...moments })));
    expect(failures['serves a calm load']).toMatch(/policy "under-test" failed in tickUs/);
  });

  it.each([
    [
      'figures that are no numbers',
      { stats: () => ({ share: Number.NaN }) },
      /in stats: share must be a finite/,
    ],
    [
      'figures that cannot be told',
      {
        stats: () => {
          throw new Error('no figures');
        },
      },
      /in stats: no figures/,
    ],
    [
      'a policy that cannot bear to be told of a stage',
      {
        onStage: () => {
          throw new Error('never heard of stages');
        },
      },
      /in onStage: never heard of stages/,
    ],
  ])('%s', (_, moments, problem) => {
    const failures = failuresOf(definitionOf(() => ({ ...toFirstOpen, ...moments })));
    expect(failures['serves a calm load']).toMatch(problem);
  });

  it('promises that are not kept, unknown moments, loose parameters', () => {
    const failures = failuresOf(
      definitionOf(() => ({ onTicks: () => [] }) as Policy, { params: z.looseObject({}), capabilities: {} }),
    );
    expect(failures).toEqual({
      'has defaults for all parameters and refuses unknown ones': expect.stringContaining(
        'strictObject',
      ) as string,
      'implements what its capabilities promise': expect.stringContaining(
        '"onTicks" is not a moment',
      ) as string,
    });
  });
});
