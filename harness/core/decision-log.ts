import type { Decision } from '../policy/decisions.ts';
import type { DecidingMoment } from '../policy/moments.ts';
import type { Cluster } from './cluster.ts';

/** Who answered, at which moment. */
export interface DecisionSource {
  readonly policy: string;
  readonly moment: DecidingMoment;
  /** Where the decision itself does not name the request that it is about (dispatch). */
  readonly requestId?: number;
}

/** Writes a decision to the log, applied or refused with `error`. */
export function logDecision(
  cluster: Cluster,
  source: DecisionSource,
  decision: Decision,
  error: string | undefined,
): void {
  const { kind, reason, ...data } = decision;
  if (error !== undefined) {
    cluster.numRejectedDecisions += 1;
    cluster.lastRefusal = `"${kind}" of policy "${source.policy}": ${error}`;
  }
  cluster.observer.decision({
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
