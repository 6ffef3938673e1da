import { z } from 'zod';
import { definePolicy, type InstanceId } from '../../harness/policy/index.ts';

const params = z.strictObject({
  /**
   * Instances per pipeline. Each holds 1 / `stages` of the layers; the memory that the other layers would
   * take holds KV.
   */
  stages: z.int().min(2).default(2),
});

/**
 * vLLM's pipeline parallelism as in KunServe's evaluation (section 5.1, "vLLM-PP"): the instances form
 * pipelines from the start to the end. It always has the memory that dropping parameters gains and always
 * pays for it, so it is the baseline that shows the value of dropping only when needed. Instances left over
 * form a shorter pipeline.
 *
 * Throws a RangeError if a pipeline would have more stages than the model has layers.
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
      const groups: InstanceId[][] = [];
      for (let first = 0; first < instanceIds.length; first += stages) {
        groups.push(instanceIds.slice(first, first + stages));
      }
      return groups;
    },
  }),
});
