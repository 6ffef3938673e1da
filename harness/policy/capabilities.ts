/**
 * What a policy can do. The core asks for these, never for names, and a stack that cannot serve its
 * configuration is refused before anything has run (`harness/config`).
 */
export interface Capabilities {
  /** Chooses a group for every request. */
  readonly dispatches?: boolean;
  /** Gives up running requests in these ways, above all under memory pressure. */
  readonly preempts?: readonly ('recompute' | 'swap')[];
  /** Does not answer every memory pressure: a policy that does has to stand behind it. */
  readonly leavesPressure?: boolean;
  /** Merges groups. Asked under memory pressure, and before a request that is larger than its group fails. */
  readonly dropsParameters?: boolean;
  /** Bound, not a policy: instances get as much KV memory as the load asks for. */
  readonly unlimitedMemory?: boolean;
  /** Moves requests from group to group. */
  readonly migrates?: boolean;
  /** Starts and drains instances. */
  readonly scales?: boolean;
  /** Asks for true output lengths (`PolicyDeps.trueOutputTokens`); every report says so. */
  readonly isOracle?: boolean;
}

/** Whether the capability is declared: set to true, or to a list that is not empty. */
export function declares(capabilities: Capabilities, capability: keyof Capabilities): boolean {
  const declared = capabilities[capability];
  return typeof declared === 'object' ? declared.length > 0 : declared === true;
}

/** Whether no memory pressure is left for a policy behind this one: it answers all of it by recomputing, or there is none. */
export function coversPressure({ unlimitedMemory, preempts, leavesPressure }: Capabilities): boolean {
  return unlimitedMemory === true || (leavesPressure !== true && preempts?.includes('recompute') === true);
}
