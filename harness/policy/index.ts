/** The whole of what a policy author imports. */
export { heldWeightBytes, kvCellBytes, layerWeightBytes } from '../domain/model-shape.ts';
export type { Hardware } from '../domain/hardware.ts';
export type { RequestClass, SloTarget } from '../domain/workload.ts';
export { definePolicy } from './contract.ts';
export { defaultMigration } from './decisions.ts';
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
  CancelDrainDecision,
  CancelRestoreDecision,
  Decision,
  DispatchDecision,
  DrainDecision,
  DropDecision,
  HoldDecision,
  KvTransition,
  Limits,
  MigrateDecision,
  MigrationProtocol,
  PreemptDecision,
  RestoreDecision,
  ScaleUpDecision,
  SetLimitsDecision,
  SetRoleDecision,
  SwapInDecision,
  WaitDecision,
} from './decisions.ts';
export type {
  ClusterView,
  GroupCounters,
  GroupPhase,
  GroupView,
  HeldView,
  InstanceView,
  MemoryNeed,
  PolicyEvent,
  RequestStatus,
  RequestView,
  StageView,
  ViewList,
} from './views.ts';
