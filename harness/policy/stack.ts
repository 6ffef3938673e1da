import { messageOf, PolicyError } from '../base/errors.ts';
import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { Capabilities } from './capabilities.ts';
import type { BatchView, MicroBatchPlan, Policy, StageTiming } from './contract.ts';
import {
  checkCount,
  checkDispatch,
  checkGroups,
  checkIds,
  checkLimits,
  checkNothing,
  checkPlans,
  checkStats,
  nonEmpty,
} from './check-answer.ts';
import type { Decision, DispatchDecision } from './decisions.ts';
import type { Limits } from './limits.ts';
import type { Moment } from './moments.ts';
import type { ClusterView, GroupView, MemoryNeed, PolicyEvent, RequestView } from './views.ts';

/** One policy of a stack, made and ready to be asked. */
export interface StackMember {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly policy: Policy;
}

/** Told around every call, so that a watchdog can end a policy that never comes back. */
export interface CallGuard {
  enter(policy: string, moment: string): void;
  leave(): void;
}

/** An answer with the name of the policy that gave it. */
export interface Answer<T> {
  readonly policy: string;
  readonly value: T;
}

/**
 * Policies asked in order until one answers. Whatever a policy throws becomes a `PolicyError` with its name, the moment
 * and what it was asked about, so that it fails its own cell and no other.
 */
export class PolicyStack {
  readonly members: readonly StackMember[];
  readonly #guard: CallGuard;
  /** Has every moment of the contract, and so keeps the union of moments complete. */
  readonly #byMoment: Readonly<Record<Exclude<keyof Policy, 'tickUs'>, readonly StackMember[]>>;

  constructor(members: readonly StackMember[], guard: CallGuard) {
    for (const member of members) checkTicks(member);
    this.members = members;
    this.#guard = guard;
    const having = (moment: Moment) => members.filter((member) => member.policy[moment] !== undefined);
    this.#byMoment = {
      initialInstances: having('initialInstances'),
      initialGroups: having('initialGroups'),
      dispatch: having('dispatch'),
      order: having('order'),
      limits: having('limits'),
      onSchedule: having('onSchedule'),
      formMicroBatches: having('formMicroBatches'),
      onMemoryPressure: having('onMemoryPressure'),
      onTick: having('onTick'),
      onEvent: having('onEvent'),
      onStage: having('onStage'),
      stats: having('stats'),
    };
  }

  /** Whether any member can do it. */
  can(capability: keyof Capabilities): boolean {
    return this.members.some(({ capabilities }) => Boolean(capabilities[capability]));
  }

  answers(moment: Moment): boolean {
    return this.#byMoment[moment].length > 0;
  }

  initialInstances(configured: number, maxInstances: number): Answer<number> | undefined {
    return this.#first('initialInstances', `${configured} instances`, ({ policy }) =>
      checkCount(policy.initialInstances?.(configured, maxInstances)),
    );
  }

  initialGroups(instanceIds: readonly InstanceId[]): Answer<readonly (readonly InstanceId[])[]> | undefined {
    return this.#first('initialGroups', `${instanceIds.length} instances`, ({ policy }) =>
      checkGroups(policy.initialGroups?.(instanceIds)),
    );
  }

  dispatch(request: RequestView, view: ClusterView): Answer<DispatchDecision> | undefined {
    return this.#first('dispatch', `request ${request.id}`, ({ policy }) =>
      checkDispatch(policy.dispatch?.(request, view)),
    );
  }

  order(group: GroupView, view: ClusterView): Answer<readonly RequestId[]> | undefined {
    return this.#first('order', `group ${group.id}`, ({ policy }) => checkIds(policy.order?.(group, view)));
  }

  limits(group: GroupView, view: ClusterView): Answer<Partial<Limits>> | undefined {
    return this.#first('limits', `group ${group.id}`, ({ policy }) =>
      checkLimits(policy.limits?.(group, view)),
    );
  }

  onSchedule(group: GroupView, view: ClusterView): Answer<readonly Decision[]> | undefined {
    return this.#first('onSchedule', `group ${group.id}`, ({ policy }) =>
      nonEmpty(policy.onSchedule?.(group, view)),
    );
  }

  formMicroBatches(batch: BatchView, group: GroupView): Answer<readonly MicroBatchPlan[]> | undefined {
    return this.#first('formMicroBatches', `group ${group.id}`, ({ policy }) =>
      checkPlans(nonEmpty(policy.formMicroBatches?.(batch, group))),
    );
  }

  /**
   * The answers of the members in turn, each asked when the next is wanted: what the core refuses whole is as good as no
   * answer.
   */
  *onMemoryPressure(
    group: GroupView,
    need: MemoryNeed,
    view: ClusterView,
  ): Generator<Answer<readonly Decision[]>> {
    const about = `group ${group.id}, request ${need.requestId} needs ${need.blocks} blocks`;
    for (const member of this.#byMoment.onMemoryPressure) {
      const value = this.#call(member, 'onMemoryPressure', about, () =>
        nonEmpty(member.policy.onMemoryPressure?.(group, need, view)),
      );
      if (value !== undefined) yield { policy: member.name, value };
    }
  }

  onTick(member: StackMember, view: ClusterView): readonly Decision[] {
    return (
      this.#call(member, 'onTick', `t = ${view.nowUs} us`, () => nonEmpty(member.policy.onTick?.(view))) ?? []
    );
  }

  /** Every member hears of an event, and each may answer. */
  onEvent(event: PolicyEvent, view: ClusterView): readonly Answer<readonly Decision[]>[] {
    const answers: Answer<readonly Decision[]>[] = [];
    for (const member of this.#byMoment.onEvent) {
      const value = this.#call(member, 'onEvent', event.kind, () =>
        nonEmpty(member.policy.onEvent?.(event, view)),
      );
      if (value !== undefined) answers.push({ policy: member.name, value });
    }
    return answers;
  }

  /** Every member is told; none answers. */
  onStage(timing: StageTiming): void {
    for (const member of this.#byMoment.onStage) {
      this.#call(member, 'onStage', `a stage of ${timing.durationUs} us`, () =>
        checkNothing(member.policy.onStage?.(timing)),
      );
    }
  }

  /** What the members say about themselves, as `policy.figure`. */
  stats(): Readonly<Record<string, number | null>> {
    const stats: Record<string, number | null> = {};
    for (const member of this.#byMoment.stats) {
      const figures = this.#call(member, 'stats', 'the whole run', () =>
        checkStats(member.policy.stats?.() ?? {}),
      );
      for (const [name, value] of Object.entries(figures)) stats[`${member.name}.${name}`] = value;
    }
    return stats;
  }

  #first<T>(
    moment: Moment,
    about: string,
    ask: (member: StackMember) => T | undefined,
  ): Answer<T> | undefined {
    for (const member of this.#byMoment[moment]) {
      const value = this.#call(member, moment, about, () => ask(member));
      if (value !== undefined) return { policy: member.name, value };
    }
    return undefined;
  }

  #call<T>(member: StackMember, moment: Moment, about: string, ask: () => T): T {
    this.#guard.enter(member.name, moment);
    try {
      return ask();
    } catch (error) {
      throw new PolicyError(member.name, moment, `${messageOf(error)} (asked about ${about})`, {
        cause: error,
      });
    } finally {
      this.#guard.leave();
    }
  }
}

function checkTicks({ name, policy }: StackMember): void {
  const { tickUs } = policy;
  const ticks = policy.onTick !== undefined;
  if (tickUs === undefined && !ticks) return;
  if (!ticks) throw new PolicyError(name, 'tickUs', 'goes with onTick, which is missing');
  if (tickUs !== undefined && Number.isInteger(tickUs) && tickUs >= 1) return;
  throw new PolicyError(name, 'tickUs', `must be whole microseconds, at least 1, got ${tickUs}`);
}
