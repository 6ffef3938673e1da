/** The whole of what a policy author imports. */
export { heldWeightBytes, kvCellBytes, layerWeightBytes } from '../core/model-shape.ts';
export { definePolicy } from './contract.ts';
export type {
  BatchView,
  Capabilities,
  MicroBatchPlan,
  Policy,
  PolicyDefinition,
  PolicyDeps,
  PolicyFamily,
  StageTiming,
} from './contract.ts';
export type {
  CancelRestoreDecision,
  Decision,
  DispatchDecision,
  DropDecision,
  KvTransition,
  Limits,
  PreemptDecision,
  RestoreDecision,
  SetLimitsDecision,
  SwapInDecision,
  WaitDecision,
} from './decisions.ts';
export type {
  ClusterView,
  GroupPhase,
  GroupView,
  InstanceView,
  MemoryNeed,
  PolicyEvent,
  RequestStatus,
  RequestView,
  StageView,
  ViewList,
} from './views.ts';
