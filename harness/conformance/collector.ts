import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  Observer,
  RequestRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';

/** Collects everything that the core reports. */
export class Collector implements Observer {
  readonly requests: RequestRecord[] = [];
  readonly decisions: DecisionRecord[] = [];
  readonly stages: StageRecord[] = [];
  readonly samples: InstanceSample[] = [];
  readonly transfers: TransferRecord[] = [];
  readonly migrations: MigrationRecord[] = [];
  readonly events: ClusterEventRecord[] = [];
  numGaps = 0;

  requestEnded(record: RequestRecord): void {
    this.requests.push(record);
  }
  tokenGap(): void {
    this.numGaps += 1;
  }
  stageEnded(record: StageRecord): void {
    this.stages.push(record);
  }
  decision(record: DecisionRecord): void {
    this.decisions.push(record);
  }
  sample(record: InstanceSample): void {
    this.samples.push(record);
  }
  transferEnded(record: TransferRecord): void {
    this.transfers.push(record);
  }
  migrationEnded(record: MigrationRecord): void {
    this.migrations.push(record);
  }
  clusterEvent(record: ClusterEventRecord): void {
    this.events.push(record);
  }
}
