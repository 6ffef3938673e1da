import type { z } from 'zod';
import { type Capabilities, declares } from './capabilities.ts';
import { cancelDrain } from './decisions/cancel-drain.ts';
import { cancelRestore } from './decisions/cancel-restore.ts';
import type { Filled, Subject } from './decisions/declare.ts';
import { dispatch } from './decisions/dispatch.ts';
import { drain } from './decisions/drain.ts';
import { drop } from './decisions/drop.ts';
import { hold } from './decisions/hold.ts';
import { migrate } from './decisions/migrate.ts';
import { preempt } from './decisions/preempt.ts';
import { reject } from './decisions/reject.ts';
import { restore } from './decisions/restore.ts';
import { scaleUp } from './decisions/scale-up.ts';
import { setLimits } from './decisions/set-limits.ts';
import { setRole } from './decisions/set-role.ts';
import { swapIn } from './decisions/swap-in.ts';
import { wait } from './decisions/wait.ts';
import { problemOf } from './fields.ts';
import type { DecidingMoment } from './moments.ts';

export { defaultMigration, type MigrationProtocol } from './decisions/migrate.ts';
export type { KvTransition } from './decisions/drop.ts';
export type { Limits } from './limits.ts';

/**
 * What a policy can ask the core to do, one declaration a kind. Everything that is said about a kind follows from its
 * declaration; how the core carries it out stands in `core/apply-decision.ts` and, for answers to `dispatch`, in
 * `core/lifecycle.ts`.
 */
export const decisions = {
  dispatch,
  hold,
  reject,
  preempt,
  wait,
  swapIn,
  migrate,
  setLimits,
  drop,
  restore,
  cancelRestore,
  scaleUp,
  drain,
  cancelDrain,
  setRole,
} as const;

type Table = typeof decisions;
export type DecisionKind = keyof Table;

// A declaration stands under its own kind.
decisions satisfies { readonly [Kind in DecisionKind]: { readonly kind: Kind } };

export const decisionKinds = Object.keys(decisions) as readonly DecisionKind[];

/** A decision of this kind, or of one of these, as plain data with the reason for it. */
export type DecisionOf<Kind extends DecisionKind> = {
  [Each in Kind]: Readonly<z.output<Table[Each]['schema']>>;
}[Kind];

/**
 * What a policy can ask the core to do, as plain data. Every decision says why in `reason`. The core validates each
 * one, applies it whole or not at all, and logs it either way.
 */
export type Decision = DecisionOf<DecisionKind>;

/** The kinds that answer this moment, or one of these. */
export type KindAt<At extends DecidingMoment> = {
  [Kind in DecisionKind]: At & Table[Kind]['moments'][number] extends never ? never : Kind;
}[DecisionKind];

/** The kinds about this subject. */
export type KindAbout<About extends Subject> = {
  [Kind in DecisionKind]: Table[Kind]['subject'] extends About ? Kind : never;
}[DecisionKind];

/** What a dispatcher answers. */
export type DispatchDecision = DecisionOf<KindAt<'dispatch'>>;

/** Why the core may refuse a decision of this kind: a reason that its declaration lists. */
export type Refusal<Kind extends DecisionKind> = {
  [Each in Kind]: Filled<Table[Each]['refusals'][number]>;
}[Kind];

export function isDecisionKind(kind: unknown): kind is DecisionKind {
  return typeof kind === 'string' && Object.hasOwn(decisions, kind);
}

/** Whether decisions of this kind answer the moment. */
export function answersAt(kind: DecisionKind, moment: DecidingMoment): boolean {
  const declared: readonly DecidingMoment[] = decisions[kind].moments;
  return declared.includes(moment);
}

/** Whether a policy with these capabilities may be expected to decide this. */
export function mayDecide(capabilities: Capabilities, kind: DecisionKind): boolean {
  const { capability } = decisions[kind];
  return capability === undefined || declares(capabilities, capability);
}

/** What is wrong with the fields of a decision, if anything. */
export function fieldsProblem(decision: Decision): string | undefined {
  return problemOf(decisions[decision.kind].schema, decision.kind, decision);
}
