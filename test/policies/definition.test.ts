import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { definitionProblems } from '../../harness/policy/check-definition.ts';
import { policies } from '../../policies/index.ts';

const good = {
  name: 'my-policy-2',
  family: 'other',
  summary: 'A test.',
  params: z.strictObject({}),
  capabilities: { dispatches: true, preempts: ['swap'], migrates: undefined },
  create: () => ({}),
};

describe('the definition of a policy', () => {
  it('is right as it is', () => {
    expect(definitionProblems(good)).toEqual([]);
    for (const definition of Object.values(policies)) expect(definitionProblems(definition)).toEqual([]);
  });

  it.each([
    ['name', '../../x', /^name must be kebab-case, such as "my-policy", .* got "..\/..\/x"$/],
    ['name', 'a'.repeat(61), /^name .* at most 60/],
    ['name', undefined, /^name .* got undefined$/],
    ['family', 'kv', /^family must be one of "kv-centric", .* got "kv"$/],
    ['family', 'toString', /^family must be one of/],
    ['summary', ' ', /^summary must be/],
    ['params', {}, /^params must be a zod schema/],
    ['capabilities', undefined, /^capabilities must be an object/],
    ['capabilities', { flies: true }, /^capabilities has no "flies"; there are "dispatches"/],
    ['capabilities', { scales: 'yes' }, /^capabilities scales must be true or false, got "yes"$/],
    ['capabilities', { preempts: ['magic'] }, /^capabilities preempts must be a list of "recompute", "swap"/],
    ['capabilities', { preempts: true }, /^capabilities preempts must be a list/],
    ['create', {}, /^create must be a function/],
  ])('with a wrong %s names it: %s', (field, value, says) => {
    const problems = definitionProblems({ ...good, [field]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(says);
  });

  it.each([undefined, null, 5, 'text', () => {}])('can be any value: %s', (value) => {
    expect(definitionProblems(value)[0]).toMatch(/^the definition must be an object/);
  });
});
