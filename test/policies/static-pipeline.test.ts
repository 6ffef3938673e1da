import { expect, it } from 'vitest';
import { asInstanceId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { policies } from '../../policies/index.ts';
import { deps } from '../../harness/conformance/view-builders.ts';

const { 'static-pipeline': staticPipeline, 'least-loaded': leastLoaded, recompute } = policies;

const groupsOf = (stages: number, ids: readonly number[]) =>
  staticPipeline.create({ stages }, deps).initialGroups?.(ids.map(asInstanceId));

it('cuts the instances into pipelines, the last one shorter where they do not fill it', () => {
  expect(groupsOf(2, [0, 1, 2, 3])).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(groupsOf(3, [4, 5, 6, 7, 8])).toEqual([
    [4, 5, 6],
    [7, 8],
  ]);
});

it('serves in them from the start', () => {
  const { seen } = runTiny({
    specs: [request(0, 0, 20, 4), request(1, 0, 20, 4)],
    policies: [staticPipeline, leastLoaded, recompute],
    numInstances: 4,
  });
  expect(new Set(seen.stages.map(({ instanceId, stageIndex }) => `${instanceId}:${stageIndex}`))).toEqual(
    new Set(['0:0', '1:1', '2:0', '3:1']),
  );
});
