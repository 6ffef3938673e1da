import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

const params = z.strictObject({
  /** Instances from the start to the end; as many as the configuration says where not given. */
  instances: z.int().min(1).optional(),
});

/**
 * No autoscaling: the number of instances stays what it is at the start. One that fails is replaced by one of its role, which
 * takes a cold start. What an autoscaler saves or gains is measured against this.
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
