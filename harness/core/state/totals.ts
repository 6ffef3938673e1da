/** Counts over the whole run. */
export class Totals {
  numEnded = 0;
  numRejectedDecisions = 0;
  /** The last decision that was refused and why, for whoever has to find out why nothing goes on. */
  lastRefusal: string | undefined;
  swappedBytes = 0;
  /** Of requests that have ended, however. */
  generatedTokens = 0;
  /** Micro-batches begun, which is the id of the next. */
  numBatches = 0;
}
