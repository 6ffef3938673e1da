/** The whole of what a policy author imports. */
export { definePolicy } from './contract.ts';
export type {
  BatchView,
  Capabilities,
  MicroBatchPlan,
  Policy,
  PolicyDefinition,
  PolicyDeps,
  PolicyFamily,
} from './contract.ts';
export type {
  Decision,
  DispatchDecision,
  Limits,
  PreemptDecision,
  SetLimitsDecision,
  SwapInDecision,
  WaitDecision,
} from './decisions.ts';
export type {
  ClusterView,
  GroupView,
  InstanceView,
  MemoryNeed,
  PolicyEvent,
  RequestStatus,
  RequestView,
  StageView,
  ViewList,
} from './views.ts';
