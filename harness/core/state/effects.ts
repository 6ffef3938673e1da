import type { GroupId, InstanceId } from '../../domain/ids.ts';
import type { PolicyEvent } from '../../policy/views.ts';
import type { Executor } from '../executor.ts';
import type { ClusterEventKind, Observer } from '../observer.ts';
import { EventQueue, eventPriority } from './events.ts';
import { Fabric } from './fabric.ts';
import type { InstanceGroup } from './group.ts';

/** The state calls these back at their time. `run.ts` gives them, so that the state does not import the loop that drives it. */
export interface ClusterHooks {
  /** Called when a group may have work: it tries to form a step. */
  step(group: InstanceGroup): void;
  /** Called to tell the policies of an event; what they answer is carried out. */
  notify(event: PolicyEvent): void;
}

/** A change of the state reaches beyond it through these alone: events to come, transfers, execution, records, policies' moments. */
export class Effects {
  readonly events = new EventQueue();
  readonly fabric = new Fabric(this.events);
  readonly executor: Executor;
  readonly observer: Observer;
  readonly #hooks: ClusterHooks;

  constructor(executor: Executor, observer: Observer, hooks: ClusterHooks) {
    this.executor = executor;
    this.observer = observer;
    this.#hooks = hooks;
  }

  /**
   * Schedules one step attempt for a group that has a free stage: after this microsecond's completions and arrivals, not
   * before `pausedUntilUs`. A second call before it has fired does nothing.
   */
  wake(group: InstanceGroup): void {
    if (group.isWakePlanned || group.inFlight.length >= group.pipeline.length) return;
    group.isWakePlanned = true;
    const atUs = Math.max(this.events.nowUs, group.pausedUntilUs);
    this.events.scheduleCall(atUs, eventPriority.wake, () => {
      group.isWakePlanned = false;
      this.#hooks.step(group);
    });
  }

  /**
   * Tells the policies at once, for whoever calls this when its own change is complete. They may see a batch half processed;
   * decisions on requests that are still in flight are deferred.
   */
  notifyPolicies(event: PolicyEvent): void {
    this.#hooks.notify(event);
  }

  /**
   * Tells the policies once this microsecond's completions and arrivals have happened, for what is told from within another
   * change (a migration that ends, an instance released or ready): they may answer, and must see the state whole.
   */
  notifyPoliciesLater(event: PolicyEvent): void {
    this.events.scheduleCall(this.events.nowUs, eventPriority.wake, () => this.#hooks.notify(event));
  }

  /** Tells whoever records the run of a moment that matters to a reader. */
  recordEvent(
    kind: ClusterEventKind,
    about: { instanceId?: InstanceId; groupId?: GroupId; detail: string },
  ): void {
    const { instanceId, groupId, detail } = about;
    this.observer.clusterEvent({ timeUs: this.events.nowUs, kind, instanceId, groupId, detail });
  }
}
