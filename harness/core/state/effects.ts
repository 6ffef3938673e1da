import type { GroupId, InstanceId } from '../../domain/ids.ts';
import type { PolicyEvent } from '../../policy/views.ts';
import type { Executor } from '../executor.ts';
import type { ClusterEventKind, Observer } from '../observer.ts';
import { EventQueue, eventPriority } from './events.ts';
import { Fabric } from './fabric.ts';
import type { InstanceGroup } from './group.ts';

/** What happens at its time and is not the state's business; given by `run.ts`, so that the state does not know the loop. */
export interface ClusterHooks {
  /** A group looks for work. */
  step(group: InstanceGroup): void;
  /** The policies hear of an event, and may answer. */
  notify(event: PolicyEvent): void;
}

/** Everything that a change of the state sets off outside it: events to come, transfers, execution, records, policies' moments. */
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

  /** An idle group looks for work once everything that happens at this time has happened. */
  wake(group: InstanceGroup): void {
    if (group.isWakePlanned || group.inFlight.length >= group.pipeline.length) return;
    group.isWakePlanned = true;
    const atUs = Math.max(this.events.nowUs, group.pausedUntilUs);
    this.events.scheduleCall(atUs, eventPriority.wake, () => {
      group.isWakePlanned = false;
      this.#hooks.step(group);
    });
  }

  /** Tells the policies at once. */
  notify(event: PolicyEvent): void {
    this.#hooks.notify(event);
  }

  /** Tells the policies once everything that happens at this time has happened: they may answer, and must see it whole. */
  notifyLater(event: PolicyEvent): void {
    this.events.scheduleCall(this.events.nowUs, eventPriority.wake, () => this.#hooks.notify(event));
  }

  /** Tells whoever records the run. */
  note(kind: ClusterEventKind, about: { instance?: InstanceId; groupId?: GroupId; detail: string }): void {
    const { instance, groupId, detail } = about;
    this.observer.clusterEvent({ timeUs: this.events.nowUs, kind, instance, groupId, detail });
  }
}
