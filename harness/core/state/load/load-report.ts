import type { RequestId } from '../../../domain/ids.ts';
import type { GroupCounters, GroupView, InstanceView, RequestView } from '../../../policy/views.ts';
import { type ReportDetail, ReportedList } from './reported-list.ts';

/** A group as it is now, from which a report is taken. */
export interface ReportingGroup extends GroupView {
  readonly pipeline: readonly { readonly stageIndex: number; readonly member: InstanceView }[];
}

/** What a group says about its load: everything of a `GroupView` that the cluster does not know without being told. */
export class LoadReport {
  readonly #group: ReportingGroup;
  /** Everything up to and including this microsecond is in it. */
  observedAtUs = 0;
  readonly waiting: ReportedList;
  readonly running: ReportedList;
  readonly swapped: ReportedList;
  readonly stalled: ReportedList;
  freeBlocks = 0;
  pendingFreeBlocks = 0;
  waitingBlocks = 0;
  demandBlocks = 0;
  lastStepUs = 0;
  counters: GroupCounters;
  /** Cells in use and bytes in host memory of each member, by stage. */
  readonly usedCells: number[] = [];
  readonly hostKvBytes: number[] = [];

  constructor(group: ReportingGroup, detail: ReportDetail) {
    this.#group = group;
    this.counters = group.counters;
    this.waiting = new ReportedList(group.waiting, detail);
    this.running = new ReportedList(group.running, detail);
    this.swapped = new ReportedList(group.swapped, detail);
    this.stalled = new ReportedList(group.stalled, detail);
  }

  /** Takes over how the group is now. */
  take(): void {
    const group = this.#group;
    this.observedAtUs = group.observedAtUs;
    for (const list of [this.waiting, this.running, this.swapped, this.stalled]) list.take();
    this.freeBlocks = group.freeBlocks;
    this.pendingFreeBlocks = group.pendingFreeBlocks;
    this.waitingBlocks = group.waitingBlocks;
    this.demandBlocks = group.demandBlocks;
    this.lastStepUs = group.lastStepUs;
    this.counters = { ...group.counters };
    for (const { member, stageIndex } of group.pipeline) {
      this.usedCells[stageIndex] = member.usedCells;
      this.hostKvBytes[stageIndex] = member.hostKvBytes;
    }
  }

  /** Something that the report does not have happens at this time: at its end the report is true no more. */
  expireAt(timeUs: number): void {
    this.observedAtUs = Math.min(this.observedAtUs, timeUs - 1);
  }

  find(requestId: RequestId): RequestView | undefined {
    for (const list of [this.running, this.waiting, this.swapped, this.stalled]) {
      for (const request of list) if (request.id === requestId) return request;
    }
    return undefined;
  }
}
