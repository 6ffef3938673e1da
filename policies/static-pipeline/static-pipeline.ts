import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

const params = z.strictObject({
  /** Instances of one pipeline: each holds that part of the layers, so memory for KV grows by what the others keep. */
  stages: z.int().min(2).default(2),
});

/**
 * vLLM's pipeline parallelism as KunServe's evaluation uses it (section 5.1, "vLLM-PP"): the instances are cut into
 * pipelines once and for all. It has the memory that dropping parameters gains, all the time, and pays for it all the
 * time: the baseline that shows what doing so only when needed is worth. Instances that do not fill a last pipeline form a
 * shorter one.
 */
export const staticPipeline = definePolicy({
  name: 'static-pipeline',
  family: 'other',
  summary: 'Serves in pipelines of a fixed number of instances from the start (vLLM-PP).',
  params,
  capabilities: {},
  create: ({ stages }, { model }) => ({
    initialGroups: (instanceIds) => {
      if (Math.min(stages, instanceIds.length) > model.numLayers) {
        throw new RangeError(`${stages} stages cannot share the ${model.numLayers} layers of ${model.name}`);
      }
      const groups: number[][] = [];
      for (let first = 0; first < instanceIds.length; first += stages) {
        groups.push(instanceIds.slice(first, first + stages));
      }
      return groups;
    },
  }),
});
