import type { RequestId } from '../../domain/ids.ts';
import type { DecidingMoment } from '../../policy/moments.ts';

/** Which policy answered, and at which moment. */
export interface DecisionSource {
  readonly policy: string;
  readonly moment: DecidingMoment;
  /** Where the decision itself does not name the request that it is about (dispatch). */
  readonly requestId?: RequestId;
}
