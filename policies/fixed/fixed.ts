import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

const params = z.strictObject({
  /** Number of instances during the whole run. If undefined, the number in the configuration. */
  instances: z.int().min(1).optional(),
});

/**
 * Keeps the initial number of instances: no autoscaling. An instance that fails is replaced by a new one of
 * the same role, which takes a cold start. This is the baseline for what an autoscaler saves or gains.
 */
export const fixed = definePolicy({
  name: 'fixed',
  family: 'support',
  summary: 'Keeps a fixed number of instances and replaces those that fail.',
  params,
  capabilities: { scales: true },
  create: ({ instances }) => ({
    initialInstances: () => instances,
    onEvent: (event, view) => {
      if (event.kind !== 'instanceFailed') return undefined;
      const { instanceId } = event;
      const role = view.instances.find(({ id }) => id === instanceId)?.role;
      const reason = `instance ${instanceId} has failed`;
      return [{ kind: 'scaleUp', numInstances: 1, ...(role === undefined ? {} : { role }), reason }];
    },
  }),
});
