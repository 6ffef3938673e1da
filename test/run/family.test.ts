import { expect, it } from 'vitest';
import type { PolicyDefinition } from '../../harness/policy/index.ts';
import { familyOf } from '../../harness/run/plan.ts';
import { policies } from '../../policies/index.ts';

type Filed = Pick<PolicyDefinition, 'family' | 'capabilities'>;

const support: Filed = { family: 'support', capabilities: { dispatches: true } };
const preempting: Filed = { family: 'kv-centric', capabilities: { preempts: ['recompute'] } };
const migrating: Filed = { family: 'kv-centric', capabilities: { preempts: ['swap'], migrates: true } };
const dropping: Filed = { family: 'parameter-centric', capabilities: { dropsParameters: true } };
const scaling: Filed = { family: 'autoscaling', capabilities: { scales: true } };
const bound: Filed = { family: 'bound', capabilities: { unlimitedMemory: true } };
const other: Filed = { family: 'other', capabilities: {} };

it.each([
  ['kv-centric', [support, preempting, preempting]],
  ['kv-centric', [support, migrating, preempting]],
  ['parameter-centric', [support, dropping, preempting]],
  ['autoscaling', [support, scaling, preempting]],
  ['mixed', [dropping, scaling, preempting]],
  ['mixed', [migrating, scaling]],
  ['mixed', [migrating, dropping]],
  ['bound', [support, bound, preempting]],
  ['bound', [bound, scaling]],
  ['other', [support]],
  ['other', [support, other]],
] as const)('%s is the family of a stack, in whatever order its policies stand', (family, definitions) => {
  expect(familyOf(definitions)).toBe(family);
  expect(familyOf(definitions.toReversed())).toBe(family);
});

function of(...names: (keyof typeof policies)[]) {
  return familyOf(names.map((name) => policies[name]));
}

it('files the built-in policies as the report needs them', () => {
  expect(of('least-loaded', 'swap', 'recompute')).toBe('kv-centric');
  expect(of('llumnix', 'recompute')).toBe('kv-centric');
  expect(of('kunserve', 'recompute')).toBe('parameter-centric');
  expect(of('least-loaded', 'hpa', 'recompute')).toBe('autoscaling');
  expect(of('hpa', 'kunserve', 'recompute')).toBe('mixed');
  expect(of('least-loaded', 'unlimited')).toBe('bound');
});
