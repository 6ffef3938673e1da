/** The whole of what a policy author imports. */
export { coldStartUs } from '../domain/cold-start.ts';
export { heldWeightBytes, kvCellBytes, layerWeightBytes } from '../domain/model-shape.ts';
export type { Hardware } from '../domain/hardware.ts';
export type { GroupId, InstanceId, RequestId } from '../domain/ids.ts';
export type { RequestClass, SloTarget } from '../domain/workload.ts';
export type { Capabilities } from './capabilities.ts';
export { definePolicy } from './contract.ts';
export { defaultMigration } from './decisions.ts';
export type {
  BatchView,
  MicroBatchPlan,
  Policy,
  PolicyDefinition,
  PolicyDeps,
  PolicyFamily,
  StageTiming,
} from './contract.ts';
export type {
  Decision,
  DecisionKind,
  DecisionOf,
  DispatchDecision,
  KvTransition,
  Limits,
  MigrationProtocol,
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
