import { expect, it } from 'vitest';
import { asInstanceId } from '../../harness/domain/ids.ts';
import { fixed } from '../../policies/fixed/fixed.ts';
import { clusterView, deps, groupView, instanceView } from '../../harness/conformance/view-builders.ts';

it('starts with as many instances as it is told, else with those of the configuration', () => {
  expect(fixed.create({ instances: 3 }, deps).initialInstances?.(2, 8)).toBe(3);
  expect(fixed.create({}, deps).initialInstances?.(2, 8)).toBeUndefined();
});

it('replaces an instance that fails by one of its role, and does nothing about other events', () => {
  const policy = fixed.create({}, deps);
  const instances = [instanceView(0), instanceView(1, { state: 'failed', role: 'batch' })];
  const view = clusterView([groupView(0, 1)], { instances });
  expect(policy.onEvent?.({ kind: 'instanceFailed', instanceId: asInstanceId(1) }, view)).toEqual([
    { kind: 'scaleUp', numInstances: 1, role: 'batch', reason: 'instance 1 has failed' },
  ]);
  expect(policy.onEvent?.({ kind: 'instanceStopped', instanceId: asInstanceId(1) }, view)).toBeUndefined();
  expect('onTick' in policy).toBe(false);
});
