/** Counts over the whole run. */
export class Totals {
  numEnded = 0;
  numRejectedDecisions = 0;
  /** The last decision that was refused and why, for whoever has to find out why nothing goes on. */
  lastRefusal: string | undefined;
  swappedBytes = 0;
  /** Requests that have ended, however, have generated so many tokens. */
  generatedTokens = 0;
  /** So many micro-batches have been formed, which is the id of the next. */
  numBatches = 0;
}
