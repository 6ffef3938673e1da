import type { z } from 'zod';
import { type Capabilities, declares } from './capabilities.ts';
import type { Filled, Subject } from './decisions/declare.ts';
import * as declarations from './decisions/index.ts';
import { problemOf } from './fields.ts';
import type { DecidingMoment } from './moments.ts';

export { defaultMigration, type MigrationProtocol } from './decisions/migrate.ts';
export type { KvTransition } from './decisions/drop.ts';
export type { Limits } from './limits.ts';

/**
 * What a policy can ask the core to do, one declaration a kind. Everything that is said about a kind follows from its
 * declaration. How the core applies it is in `core/apply-decision.ts`, for answers to `dispatch` in `core/lifecycle.ts`.
 */
export const decisions = { ...declarations };

type Table = typeof decisions;
export type DecisionKind = keyof Table;

// Every declaration is exported under its own kind.
decisions satisfies { readonly [Kind in DecisionKind]: { readonly kind: Kind } };

export const decisionKinds = Object.keys(decisions) as readonly DecisionKind[];

/** A decision of this kind, or of one of these kinds. */
export type DecisionOf<Kind extends DecisionKind> = {
  [Each in Kind]: Readonly<z.output<Table[Each]['schema']>>;
}[Kind];

/**
 * What a policy can ask the core to do, as plain data. Every decision says why in `reason`. The core validates each
 * one, applies it whole or not at all, and logs it either way.
 */
export type Decision = DecisionOf<DecisionKind>;

/** The kinds that may be answered at this moment, or at one of these. */
export type KindAt<At extends DecidingMoment> = {
  [Kind in DecisionKind]: At & Table[Kind]['moments'][number] extends never ? never : Kind;
}[DecisionKind];

/** The kinds that are about this subject. */
export type KindAbout<About extends Subject> = {
  [Kind in DecisionKind]: Table[Kind]['subject'] extends About ? Kind : never;
}[DecisionKind];

/** A decision that answers `dispatch`. */
export type DispatchDecision = DecisionOf<KindAt<'dispatch'>>;

/**
 * Why the core refuses a decision of this kind although its fields are right; it has changed nothing then. A reason that the declaration does not list
 * does not compile.
 */
export type Refusal<Kind extends DecisionKind> = {
  [Each in Kind]: Filled<Table[Each]['refusals'][number]>;
}[Kind];

export function isDecisionKind(kind: unknown): kind is DecisionKind {
  return typeof kind === 'string' && Object.hasOwn(decisions, kind);
}

/** Tells whether a decision of this kind may be answered at the moment. */
export function answersAt(kind: DecisionKind, moment: DecidingMoment): boolean {
  const declared: readonly DecidingMoment[] = decisions[kind].moments;
  return declared.includes(moment);
}

/** Returns what a policy with these capabilities would have to declare as well before it decides this, or `undefined`. */
export function missingCapability(capabilities: Capabilities, decision: Decision): string | undefined {
  const { capability } = decisions[decision.kind];
  if (capability !== undefined && !declares(capabilities, capability)) return capability;
  if (decision.kind !== 'preempt' || capabilities.preempts?.includes(decision.mode) === true)
    return undefined;
  // What is no mode at all is refused with the other fields.
  return preemptModes.has(decision.mode) ? `preempts: ['${decision.mode}']` : undefined;
}

const preemptModes: ReadonlySet<unknown> = new Set(['recompute', 'swap']);

/** Returns what is wrong with the fields of a decision, or `undefined` if nothing is. */
export function fieldsProblem(decision: Decision): string | undefined {
  return problemOf(decisions[decision.kind].schema, decision.kind, decision);
}
