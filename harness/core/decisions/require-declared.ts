import { PolicyError } from '../../base/errors.ts';
import { type Decision, missingCapability } from '../../policy/decisions.ts';
import type { PolicyStack } from '../../policy/stack.ts';
import type { DecisionSource } from '../state/decision-source.ts';

/**
 * Throws a `PolicyError` unless the policy has declared the capability that the decision needs: checks before a run and what a
 * report says of a stack rely on the capabilities.
 */
export function requireDeclared(
  { members }: PolicyStack,
  { policy, moment }: Pick<DecisionSource, 'policy' | 'moment'>,
  decision: Decision,
): void {
  let missing: string | undefined;
  for (const { name, capabilities } of members) {
    if (name !== policy) continue;
    missing = missingCapability(capabilities, decision);
    if (missing === undefined) return;
  }
  const message = `decides "${decision.kind}" without declaring the capability "${missing}"`;
  throw new PolicyError(policy, moment, message);
}
