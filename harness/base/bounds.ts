/**
 * Bounds on what a configuration can ask for. They are checked before anything runs, since what lies beyond them would
 * fill the memory or the disk, or never end.
 */

/** Largest number of requests that a source plans, of samples that a cell takes, and the like. */
export const maxItems = 20_000_000;

/** Longest time in seconds, some thirty years: its microseconds are still exact whole numbers. */
export const maxSeconds = 1_000_000_000;

/** Longest prompt or answer in tokens: more than any model reads, and what a 32-bit column holds. */
export const maxTokens = 1_000_000_000;

/** Largest number of instances, and the like. */
export const maxInstances = 10_000;
