import type { Decision } from '../policy/decisions.ts';
import type { Cluster } from './state/cluster.ts';
import type { DecisionSource } from './state/decision-source.ts';

/** Writes a decision to the log, applied or refused with `error`. */
export function logDecision(
  cluster: Cluster,
  source: DecisionSource,
  decision: Decision,
  error: string | undefined,
): void {
  const { kind, reason, ...data } = decision;
  if (error !== undefined) {
    cluster.totals.numRejectedDecisions += 1;
    cluster.totals.lastRefusal = `"${kind}" of policy "${source.policy}": ${error}`;
  }
  cluster.effects.observer.decision({
    timeUs: cluster.nowUs,
    policy: source.policy,
    moment: source.moment,
    kind,
    data: source.requestId === undefined ? data : { requestId: source.requestId, ...data },
    reason,
    outcome: error === undefined ? 'applied' : 'rejected',
    ...(error === undefined ? {} : { error }),
  });
}
