/** The exports that a policy author's own tests import. */
export { asGroupId, asInstanceId, asRequestId } from '../domain/ids.ts';
export { type Check, checkPolicy } from './check-policy.ts';
export { policies } from '../../policies/index.ts';
export { followUp, request, runTiny, type TinyResult, type TinyRun } from './tiny-cluster.ts';
export {
  clusterView,
  deps,
  groupView,
  heldView,
  instanceBlocks,
  instanceView,
  requestView,
} from './view-builders.ts';
export { withParams } from './with-params.ts';
