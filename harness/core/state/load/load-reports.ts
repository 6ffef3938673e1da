import type { RequestId } from '../../../domain/ids.ts';
import type { ClusterView, GroupView, InstanceView, RequestView } from '../../../policy/views.ts';
import { ClusterWindow, type VisibleState } from './cluster-window.ts';
import type { InstanceGroup } from '../group.ts';
import type { Instance } from '../instance.ts';
import type { StepBatch } from '../step-batch.ts';
import { LoadReport } from './load-report.ts';
import { ReportedGroup, ReportedInstance } from './reported-group.ts';
import type { ReportDetail } from './reported-list.ts';

/**
 * How old the load is that the cluster's policies see.
 *
 * `live`: none of it is older than now, which no real cluster has. `per-step`: an instance tells how it stood when its last
 * finished step was scheduled, as Llumnix's engines do (the step's result carries it); one without work tells at once. `every`:
 * all instances are asked at these intervals, as a monitor scrapes them (KunServe's bench 0.5 s, gateways 50 ms to 15 s).
 */
export type LoadReporting =
  | { readonly kind: 'live' }
  | { readonly kind: 'per-step' }
  | { readonly kind: 'every'; readonly us: number };

/** Keeps what groups have last reported. A group whose load nobody has asked for yet reports nothing, and costs nothing. */
export class LoadReports {
  readonly reporting: LoadReporting;
  readonly view: ClusterView;
  readonly #state: VisibleState;
  readonly #groups = new Map<InstanceGroup, ReportedGroup>();
  readonly #instances = new Map<Instance, ReportedInstance>();
  readonly #detail: ReportDetail = { hasRows: false };

  constructor(state: VisibleState, reporting: LoadReporting) {
    this.#state = state;
    this.reporting = reporting;
    this.view =
      reporting.kind === 'live' ? new ClusterWindow(state) : new ReportedWindow(state, this, undefined);
  }

  /** What an engine's own decisions are made on: its own group as it is, the others as they have reported. */
  viewFrom(group: InstanceGroup): ClusterView {
    return this.reporting.kind === 'live' ? this.view : new ReportedWindow(this.#state, this, group);
  }

  /** Takes a new report of every group whose load anybody has asked for. */
  takeAll(): void {
    for (const group of this.#groups.values()) if (group.isWatched) group.report.take();
  }

  /** The step that has just been scheduled carries the group's report. */
  stepBegun(group: InstanceGroup, batch: StepBatch): void {
    if (this.#watched(group) === undefined) return;
    batch.report ??= new LoadReport(group, this.#detail);
    batch.report.take();
    batch.carriesReport = true;
  }

  /** Puts the report that the step carries in place of the group's last. Returns whether there was one. */
  stepEnded(group: InstanceGroup, batch: StepBatch): boolean {
    if (!batch.carriesReport || batch.report === undefined) return false;
    batch.carriesReport = false;
    batch.report = this.groupOf(group).replaceReport(batch.report);
    return true;
  }

  /** A group with nothing under way tells how it stands, if anybody wants to know. */
  idle(group: InstanceGroup): boolean {
    const watched = this.#watched(group);
    watched?.report.take();
    return watched !== undefined;
  }

  /** The group is sent a request: what it has reported in this very microsecond is without it. */
  sent(group: InstanceGroup): void {
    const reported = this.#groups.get(group);
    if (reported?.isWatched !== true) return;
    const { nowUs } = this.#state;
    reported.report.expireAt(nowUs);
    for (const { carriesReport, report } of group.inFlight) if (carriesReport) report?.expireAt(nowUs);
  }

  forget(group: InstanceGroup): void {
    this.#groups.delete(group);
  }

  groupOf(group: InstanceGroup): ReportedGroup {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const reported = new ReportedGroup(group, this.#detail, (instance) => this.instanceOf(instance));
    this.#groups.set(group, reported);
    return reported;
  }

  instanceOf(instance: Instance): ReportedInstance {
    const known = this.#instances.get(instance);
    if (known !== undefined) return known;
    const reported = new ReportedInstance(instance, () => this.#ownerOf(instance));
    this.#instances.set(instance, reported);
    return reported;
  }

  #ownerOf(instance: Instance): { report: LoadReport; stageIndex: number } | undefined {
    const group = this.#state.topology.servingGroupOn(instance);
    if (group === undefined) return undefined;
    const stageIndex = group.pipeline.findIndex(({ member }) => member === instance);
    return { report: this.groupOf(group).report, stageIndex };
  }

  /** The group as the cluster sees it, if its steps carry reports and anybody wants them. */
  #watched(group: InstanceGroup): ReportedGroup | undefined {
    const reported = this.reporting.kind === 'per-step' ? this.#groups.get(group) : undefined;
    return reported?.isWatched === true ? reported : undefined;
  }
}

/** The cluster as reported; one group, whose engine decides, as it is. */
class ReportedWindow extends ClusterWindow {
  readonly #state: VisibleState;
  readonly #reports: LoadReports;
  readonly #own: InstanceGroup | undefined;

  constructor(state: VisibleState, reports: LoadReports, own: InstanceGroup | undefined) {
    super(state);
    this.#state = state;
    this.#reports = reports;
    this.#own = own;
  }

  override get observedAtUs(): number {
    return this.groups.reduce((oldest, { observedAtUs }) => Math.min(oldest, observedAtUs), this.nowUs);
  }

  override get groups(): readonly GroupView[] {
    return this.#state.topology.groups.map((group) =>
      group === this.#own ? group : this.#reports.groupOf(group),
    );
  }

  override get instances(): readonly InstanceView[] {
    return this.#state.topology.instances.map((instance) => this.#reports.instanceOf(instance));
  }

  override request(id: RequestId): RequestView | undefined {
    const request = this.#state.requests.live.get(id);
    const group = request === undefined ? undefined : this.#state.topology.groupOf(request);
    if (group === undefined || group === this.#own) return request;
    return this.#reports.groupOf(group).report.find(id);
  }
}
