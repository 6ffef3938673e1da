import type {
  ClusterView,
  DecisionOf,
  GroupId,
  GroupView,
  MigrationProtocol,
  RequestView,
} from '../../harness/policy/index.ts';
import { stepsText } from './dispatch.ts';
import { migrationFreeness, type MigrationView } from './freeness.ts';

interface MigrationRule extends MigrationView {
  /** A group whose freeness, in decode steps, is below this gives requests away. */
  readonly sourceBelowSteps: number;
  /**
   * A group whose freeness, in decode steps, is above this takes a request if its freeness stays at least
   * this high with it.
   */
  readonly targetAboveSteps: number;
  readonly protocol: MigrationProtocol;
}

/** A group with its freeness in decode steps. */
interface State {
  readonly group: GroupView;
  readonly freeness: number;
}

/**
 * Why a request migrates: its instance drains, is too full, has a waiting request that needs room, or has
 * preempted.
 */
type Cause = 'drain' | 'balance' | 'defragmentation' | 'preemption';

/**
 * Migration of Llumnix (section 4.4): pairs the fullest groups with the freest, and each pair migrates one
 * request after the other until the source is no longer too full. De-fragmentation and draining need no
 * mechanisms of their own: the head of the queue counts as usage, and a draining group has minus infinite
 * freeness.
 *
 * The victim has the lowest priority and among these the fewest tokens, so that the least is copied; the
 * authors' first code takes the last admitted, later versions the shortest. It must be decoding (a prefill is
 * not interrupted), and with it the target must keep its own threshold, which the later code requires too.
 *
 * As in the authors' code, an instance with preempted requests is a source however free it is, and an
 * instance with waiting requests is no target: a migrated request would take the memory that its queue is
 * waiting for.
 */
export class Migration {
  readonly #rule: MigrationRule;
  readonly #numByCause: Record<Cause, number> = {
    drain: 0,
    balance: 0,
    defragmentation: 0,
    preemption: 0,
  };

  constructor(rule: MigrationRule) {
    this.#rule = rule;
  }

  /**
   * Pairs the fullest source with the freest target, the next with the next, and so on. If a source has
   * nothing to move, its target goes to the next source.
   */
  pair(view: ClusterView): readonly DecisionOf<'migrate'>[] {
    const states = view.groups.filter(isIdle).map((group) => this.#stateOf(group));
    const sources = states.filter((state) => this.#isSource(state));
    const targets = states.filter((state) => this.#isTarget(state));
    sources.sort((a, b) => compare(a.freeness, b.freeness) || a.group.id - b.group.id);
    targets.sort((a, b) => compare(b.freeness, a.freeness) || a.group.id - b.group.id);
    const decisions: DecisionOf<'migrate'>[] = [];
    for (const source of sources) {
      const target = targets[decisions.length];
      if (target === undefined) break;
      decisions.push(...this.#migrate(source, target, view));
    }
    return decisions;
  }

  /** Continues with the same pair after a migration is done, if both are still source and target. */
  continue(from: GroupId, to: GroupId, view: ClusterView): readonly DecisionOf<'migrate'>[] {
    const states = view.groups.filter(isIdle).map((group) => this.#stateOf(group));
    const source = states.find(({ group }) => group.id === from);
    const target = states.find(({ group }) => group.id === to);
    if (source === undefined || target === undefined) return [];
    return this.#isSource(source) && this.#isTarget(target) ? this.#migrate(source, target, view) : [];
  }

  /** Migrations decided on, by cause. */
  stats(): Readonly<Record<string, number>> {
    const { drain, balance, defragmentation, preemption } = this.#numByCause;
    return {
      migrations_to_drain: drain,
      migrations_to_defragment: defragmentation,
      migrations_to_balance: balance,
      migrations_after_preemption: preemption,
    };
  }

  /**
   * Migrates one request of the source, if any can move. The pair was chosen by reported load; the victim is
   * chosen by the source itself, which sees its requests as they are now.
   */
  #migrate(source: State, target: State, view: ClusterView): readonly DecisionOf<'migrate'>[] {
    const victim = this.#victim(view.local(source.group.id) ?? source.group, target.group);
    if (victim === undefined) return [];
    const cause = this.#causeOf(source);
    this.#numByCause[cause] += 1;
    const reason = `${cause}: source ${stepsText(source.freeness)}, target ${stepsText(target.freeness)}`;
    const { protocol } = this.#rule;
    return [{ kind: 'migrate', requestId: victim.id, groupId: target.group.id, protocol, reason }];
  }

  #victim(source: GroupView, target: GroupView): RequestView | undefined {
    let victim: RequestView | undefined;
    for (const request of source.running) {
      if (request.status.kind !== 'decoding' || request.migratesTo !== undefined) continue;
      if (victim !== undefined && !this.#goesBefore(request, victim)) continue;
      if (this.#fits(request, target)) victim = request;
    }
    return victim;
  }

  #goesBefore(a: RequestView, b: RequestView): boolean {
    const byPriority = this.#rule.priorities === undefined ? 0 : a.priority - b.priority;
    return (byPriority || a.tokens - b.tokens || a.id - b.id) < 0;
  }

  #fits(request: RequestView, target: GroupView): boolean {
    return migrationFreeness(target, this.#rule, request) >= Math.max(0, this.#rule.targetAboveSteps);
  }

  #isSource({ group, freeness }: State): boolean {
    const isOpen = group.phase === 'serving' || group.phase === 'draining';
    return isOpen && (freeness < this.#rule.sourceBelowSteps || hasPreempted(group));
  }

  #isTarget({ group, freeness }: State): boolean {
    const isOpen = group.phase === 'serving' && group.acceptsRequests;
    return isOpen && !hasQueue(group) && freeness > this.#rule.targetAboveSteps;
  }

  #causeOf({ group: source, freeness }: State): Cause {
    if (source.phase === 'draining') return 'drain';
    const { sourceBelowSteps } = this.#rule;
    const withoutHead = migrationFreeness(source, { ...this.#rule, countsHead: false });
    if (withoutHead < sourceBelowSteps) return 'balance';
    return freeness < sourceBelowSteps ? 'defragmentation' : 'preemption';
  }

  #stateOf(group: GroupView): State {
    return { group, freeness: migrationFreeness(group, this.#rule) };
  }
}

/** Tells whether the group has no migration under way, in or out: each group has at most one at a time. */
function isIdle({ numMigratingIn, numMigratingOut }: GroupView): boolean {
  return numMigratingIn === 0 && numMigratingOut === 0;
}

/** Tells whether the group has preempted requests, in the queue or in host memory. */
function hasPreempted({ waiting, swapped }: GroupView): boolean {
  if (swapped.length > 0) return true;
  for (const { status } of waiting) if (status.kind === 'preempted') return true;
  return false;
}

function hasQueue({ waiting, swapped }: GroupView): boolean {
  return waiting.length > 0 || swapped.length > 0;
}

/** Compares two numbers like their difference, but also works if both are infinite. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
