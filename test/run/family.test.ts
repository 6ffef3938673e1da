import { expect, it } from 'vitest';
import type { PolicyFamily } from '../../harness/policy/index.ts';
import { familyOf } from '../../harness/run/plan.ts';

const of = (...families: PolicyFamily[]) => familyOf(families.map((family) => ({ family })));

it('files a stack under the family that decides, whatever stands behind it', () => {
  expect(of('support', 'kv-centric', 'kv-centric')).toBe('kv-centric');
  expect(of('support', 'parameter-centric', 'kv-centric')).toBe('parameter-centric');
  expect(of('kv-centric', 'parameter-centric')).toBe('mixed');
  expect(of('parameter-centric', 'autoscaling', 'kv-centric')).toBe('mixed');
  expect(of('support', 'bound')).toBe('bound');
  expect(of('support')).toBe('other');
});
