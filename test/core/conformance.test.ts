import { describe, expect, it } from 'vitest';
import { z } from 'zod';
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

const toGroup0 = { kind: 'dispatch', groupId: 0, reason: 'always' } as const;

describe('the suite finds', () => {
  it('nothing wrong with a plain dispatcher', () => {
    expect(failuresOf(definitionOf(() => ({ dispatch: () => toGroup0 })))).toEqual({});
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

  it('a policy that sends requests nowhere', () => {
    const failures = failuresOf(definitionOf(() => ({ dispatch: () => ({ ...toGroup0, groupId: 7 }) })));
    expect(failures['serves a calm load']).toContain('there is no group 7');
  });

  it('promises that are not kept, unknown moments, loose parameters, a bad name', () => {
    const failures = failuresOf(
      definitionOf(() => ({ onTicks: () => [] }) as Policy, {
        name: 'Bad Name',
        params: z.looseObject({}),
        capabilities: {},
      }),
    );
    expect(failures).toMatchObject({
      'declares a name, a family and a summary': expect.stringContaining('kebab-case') as string,
      'has defaults for all parameters and refuses unknown ones': expect.stringContaining(
        'strictObject',
      ) as string,
      'implements what its capabilities promise': expect.stringContaining(
        '"onTicks" is not a moment',
      ) as string,
    });
  });
});
