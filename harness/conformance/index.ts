/** The exports that a policy author's own tests import. */
export { asGroupId, asInstanceId, asRequestId } from '../domain/ids.ts';
export { type Check, checkPolicy } from './check-policy.ts';
export { policies } from '../../policies/index.ts';
export { request, runTiny, type TinyRun } from './tiny-cluster.ts';
