import { PolicyError } from '../../base/errors.ts';
import { type DecisionKind, decisions, mayDecide } from '../../policy/decisions.ts';
import type { PolicyStack } from '../../policy/stack.ts';
import type { DecisionSource } from '../state/decision-source.ts';

/**
 * Throws a `PolicyError` unless the policy has declared the capability that decisions of this kind need: checks before a run and
 * what a report says of a stack rely on the capabilities.
 */
export function requireDeclared(
  { members }: PolicyStack,
  { policy, moment }: Pick<DecisionSource, 'policy' | 'moment'>,
  kind: DecisionKind,
): void {
  if (members.some(({ name, capabilities }) => name === policy && mayDecide(capabilities, kind))) return;
  const { capability = '' } = decisions[kind];
  const message = `decides "${kind}" without declaring the capability "${capability}"`;
  throw new PolicyError(policy, moment, message);
}
