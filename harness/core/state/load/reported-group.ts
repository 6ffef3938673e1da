import type { Hardware } from '../../../domain/hardware.ts';
import type { GroupId, InstanceId } from '../../../domain/ids.ts';
import type { Limits } from '../../../policy/decisions.ts';
import type {
  GroupCounters,
  GroupPhase,
  GroupView,
  InstanceState,
  InstanceView,
  RequestView,
  StageView,
  ViewList,
} from '../../../policy/views.ts';
import type { InstanceGroup } from '../group.ts';
import type { Instance } from '../instance.ts';
import { LoadReport } from './load-report.ts';
import type { ReportDetail } from './reported-list.ts';

/** An instance as its group reported it. */
export class ReportedInstance implements InstanceView {
  readonly #instance: Instance;
  /** The group that reports it, as the cluster sees that, and its stage there; none of an instance that serves no more. */
  readonly #place: () => { readonly report: LoadReport; readonly stageIndex: number } | undefined;

  constructor(
    instance: Instance,
    place: () => { readonly report: LoadReport; readonly stageIndex: number } | undefined,
  ) {
    this.#instance = instance;
    this.#place = place;
  }

  get id(): InstanceId {
    return this.#instance.id;
  }

  get state(): InstanceState {
    return this.#instance.state;
  }

  get role(): string {
    return this.#instance.role;
  }

  get requestedAtUs(): number {
    return this.#instance.requestedAtUs;
  }

  get weightBytes(): number {
    return this.#instance.weightBytes;
  }

  get totalCells(): number {
    return this.#instance.totalCells;
  }

  get usedCells(): number {
    const place = this.#place();
    return place?.report.usedCells[place.stageIndex] ?? this.#instance.usedCells;
  }

  get hostKvBytes(): number {
    const place = this.#place();
    return place?.report.hostKvBytes[place.stageIndex] ?? this.#instance.hostKvBytes;
  }

  get hardware(): Hardware {
    return this.#instance.hardware;
  }
}

/** A group as the cluster's policies see it: its load as it was last reported, what they themselves have decided as it is. */
export class ReportedGroup implements GroupView {
  readonly #group: InstanceGroup;
  readonly #instanceOf: (instance: Instance) => InstanceView;
  readonly #detail: ReportDetail;
  #report: LoadReport | undefined;

  constructor(group: InstanceGroup, detail: ReportDetail, instanceOf: (instance: Instance) => InstanceView) {
    this.#group = group;
    this.#detail = detail;
    this.#instanceOf = instanceOf;
  }

  /** Whether any policy has asked for its load; before, there is nothing to report. */
  get isWatched(): boolean {
    return this.#report !== undefined;
  }

  /** The last one; the first is made when it is first asked for. */
  get report(): LoadReport {
    if (this.#report === undefined) {
      this.#report = new LoadReport(this.#group, this.#detail);
      this.#report.take();
    }
    return this.#report;
  }

  /** Puts a newer report in place of the last, which comes back to be filled again. */
  replaceReport(report: LoadReport): LoadReport {
    const last = this.report;
    this.#report = report;
    return last;
  }

  get id(): GroupId {
    return this.#group.id;
  }

  get phase(): GroupPhase {
    return this.#group.phase;
  }

  get role(): string {
    return this.#group.role;
  }

  get stages(): readonly StageView[] {
    return this.#group.pipeline.map(({ member, layers }) => ({
      instance: this.#instanceOf(member),
      firstLayer: layers.first,
      numLayers: layers.count,
    }));
  }

  get limits(): Limits {
    return this.#group.limits;
  }

  get totalBlocks(): number {
    return this.#group.totalBlocks;
  }

  get acceptsRequests(): boolean {
    return this.#group.acceptsRequests;
  }

  get numMigratingOut(): number {
    return this.#group.numMigratingOut;
  }

  get numMigratingIn(): number {
    return this.#group.numMigratingIn;
  }

  get observedAtUs(): number {
    return this.report.observedAtUs;
  }

  get waiting(): ViewList<RequestView> {
    return this.report.waiting;
  }

  get running(): ViewList<RequestView> {
    return this.report.running;
  }

  get swapped(): ViewList<RequestView> {
    return this.report.swapped;
  }

  get stalled(): ViewList<RequestView> {
    return this.report.stalled;
  }

  get freeBlocks(): number {
    return this.report.freeBlocks;
  }

  get pendingFreeBlocks(): number {
    return this.report.pendingFreeBlocks;
  }

  get waitingBlocks(): number {
    return this.report.waitingBlocks;
  }

  get demandBlocks(): number {
    return this.report.demandBlocks;
  }

  get lastStepUs(): number {
    return this.report.lastStepUs;
  }

  get counters(): GroupCounters {
    return this.report.counters;
  }
}
