import type { ClusterView, GroupView, InstanceView, RequestView } from '../../../policy/views.ts';
import type { Cluster } from '../cluster.ts';
import { ClusterWindow } from './cluster-window.ts';
import { eventPriority } from '../events.ts';
import type { InstanceGroup } from '../group.ts';
import type { Instance } from '../instance.ts';
import { planRetry, retryHeld } from '../../lifecycle.ts';
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
  readonly #cluster: Cluster;
  readonly #groups = new Map<InstanceGroup, ReportedGroup>();
  readonly #instances = new Map<Instance, ReportedInstance>();
  readonly #detail: ReportDetail = { hasRows: false };

  constructor(cluster: Cluster, reporting: LoadReporting) {
    this.#cluster = cluster;
    this.reporting = reporting;
    this.view =
      reporting.kind === 'live' ? new ClusterWindow(cluster) : new ReportedWindow(cluster, this, undefined);
  }

  /** What an engine's own decisions are made on: its own group as it is, the others as they have reported. */
  viewFrom(group: InstanceGroup): ClusterView {
    return this.reporting.kind === 'live' ? this.view : new ReportedWindow(this.#cluster, this, group);
  }

  /** Asks all groups at the interval, from the beginning on. */
  plan(): void {
    if (this.reporting.kind !== 'every') return;
    const intervalUs = this.reporting.us;
    const { events } = this.#cluster;
    const next = (): void => {
      for (const group of this.#groups.values()) if (group.isWatched) group.report.take();
      // At once: a retry that is planned would count as progress, and reports come for ever.
      retryHeld(this.#cluster);
      events.scheduleCall(this.#cluster.nowUs + intervalUs, eventPriority.report, next);
    };
    events.scheduleCall(0, eventPriority.report, next);
  }

  /** The step that has just been scheduled carries the group's report. */
  stepBegun(group: InstanceGroup, batch: StepBatch): void {
    if (this.#watched(group) === undefined) return;
    batch.report ??= new LoadReport(group, this.#detail);
    batch.report.take();
    batch.carriesReport = true;
  }

  stepEnded(group: InstanceGroup, batch: StepBatch): void {
    if (!batch.carriesReport || batch.report === undefined) return;
    batch.carriesReport = false;
    batch.report = this.groupOf(group).replaceReport(batch.report);
    planRetry(this.#cluster);
  }

  /** A group with nothing under way tells how it stands. */
  idle(group: InstanceGroup): void {
    const watched = this.#watched(group);
    if (watched === undefined) return;
    watched.report.take();
    planRetry(this.#cluster);
  }

  /** The group is sent a request: what it has reported in this very microsecond is without it. */
  sent(group: InstanceGroup): void {
    const reported = this.#groups.get(group);
    if (reported?.isWatched !== true) return;
    const { nowUs } = this.#cluster;
    reported.report.isFollowedAt(nowUs);
    for (const { carriesReport, report } of group.inFlight) if (carriesReport) report?.isFollowedAt(nowUs);
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
    const reported = new ReportedInstance(instance, () => this.#placeOf(instance));
    this.#instances.set(instance, reported);
    return reported;
  }

  #placeOf(instance: Instance): { report: LoadReport; stageIndex: number } | undefined {
    const { home } = instance;
    if (home === undefined) return undefined;
    const stageIndex = home.pipeline.findIndex(({ member }) => member === instance);
    return { report: this.groupOf(home).report, stageIndex };
  }

  /** The group as the cluster sees it, if its steps carry reports and anybody wants them. */
  #watched(group: InstanceGroup): ReportedGroup | undefined {
    const reported = this.reporting.kind === 'per-step' ? this.#groups.get(group) : undefined;
    return reported?.isWatched === true ? reported : undefined;
  }
}

/** The cluster as reported; one group, whose engine decides, as it is. */
class ReportedWindow extends ClusterWindow {
  readonly #cluster: Cluster;
  readonly #reports: LoadReports;
  readonly #own: InstanceGroup | undefined;

  constructor(cluster: Cluster, reports: LoadReports, own: InstanceGroup | undefined) {
    super(cluster);
    this.#cluster = cluster;
    this.#reports = reports;
    this.#own = own;
  }

  override get observedAtUs(): number {
    return this.groups.reduce((oldest, { observedAtUs }) => Math.min(oldest, observedAtUs), this.nowUs);
  }

  override get groups(): readonly GroupView[] {
    return this.#cluster.groups.map((group) => (group === this.#own ? group : this.#reports.groupOf(group)));
  }

  override get instances(): readonly InstanceView[] {
    return this.#cluster.instances.map((instance) => this.#reports.instanceOf(instance));
  }

  override request(id: number): RequestView | undefined {
    const request = this.#cluster.request(id);
    const group = request === undefined ? undefined : this.#cluster.groupOf(request);
    if (group === undefined || group === this.#own) return request;
    return this.#reports.groupOf(group).report.find(id);
  }
}
