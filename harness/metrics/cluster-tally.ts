import type {
  ClusterEventRecord,
  InstanceSample,
  MigrationRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';
import { FleetTally } from './fleet-tally.ts';
import { Fragmentation } from './fragmentation.ts';
import { downtimeUs } from './rows/migration-row.ts';
import { Samples } from './samples.ts';

interface LastSample {
  timeUs: number;
  usedBytes: number;
  capacityBytes: number;
}

/** Adds up what the summary says about instances: memory in use, computing, bubbles, KV on links, changes of groups and instances. */
export class ClusterTally {
  busyUs = 0;
  /**
   * The times that stages of pipelines computed, and that they stood idle between two micro-batches. Groups of one do not
   * count.
   */
  pipelinedUs = 0;
  bubbleUs = 0;
  swappedBytes = 0;
  exchangedBytes = 0;
  numDrops = 0;
  numRestores = 0;
  numMigrationsAborted = 0;
  migratedBytes = 0;
  /** How long each migration that stopped its request for a copy kept it stopped, in microseconds. */
  readonly migrationDowntime = new Samples();
  maxKvUsageRatio: number | undefined;
  readonly fleet = new FleetTally();
  readonly fragmentation = new Fragmentation();
  readonly #lastSamples = new Map<number, LastSample>();
  #usedByteUs = 0;
  #capacityByteUs = 0;

  get kvUsageRatio(): number | undefined {
    return this.#capacityByteUs === 0 ? undefined : this.#usedByteUs / this.#capacityByteUs;
  }

  addStage(record: StageRecord): void {
    this.busyUs += record.endedAtUs - record.startedAtUs;
    if (record.numStages === 1) return;
    this.pipelinedUs += record.endedAtUs - record.startedAtUs;
    this.bubbleUs += record.bubbleUs;
  }

  addTransfer(record: TransferRecord): void {
    if (record.kind === 'swap-out' || record.kind === 'swap-in') this.swappedBytes += record.bytes;
    if (record.kind === 'exchange') this.exchangedBytes += record.bytes;
  }

  addMigration(record: MigrationRecord): void {
    this.migratedBytes += record.bytes;
    if (record.abortReason !== undefined) this.numMigrationsAborted += 1;
    const downtime = downtimeUs(record);
    if (downtime !== undefined) this.migrationDowntime.push(downtime);
  }

  addClusterEvent(record: ClusterEventRecord): void {
    this.fleet.add(record);
    if (record.kind === 'groupsMerged') this.numDrops += 1;
    if (record.kind === 'groupSplit') this.numRestores += 1;
  }

  addSample(sample: InstanceSample): void {
    const { timeUs, kvUsedBytes: usedBytes } = sample;
    const capacityBytes = usedBytes + sample.kvFreeBytes;
    this.fragmentation.addSample(sample);
    if (capacityBytes > 0)
      this.maxKvUsageRatio = Math.max(this.maxKvUsageRatio ?? 0, usedBytes / capacityBytes);
    const last = this.#lastSamples.get(sample.instanceId);
    if (last === undefined) {
      this.#lastSamples.set(sample.instanceId, { timeUs, usedBytes, capacityBytes });
      return;
    }
    const halfUs = (timeUs - last.timeUs) / 2;
    this.#usedByteUs += (last.usedBytes + usedBytes) * halfUs;
    this.#capacityByteUs += (last.capacityBytes + capacityBytes) * halfUs;
    last.timeUs = timeUs;
    last.usedBytes = usedBytes;
    last.capacityBytes = capacityBytes;
  }
}
