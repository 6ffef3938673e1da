import type { ClusterEventRecord } from '../core/observer.ts';

/** Adds up what the summary says about starting and draining instances. Times are in microseconds. */
export class FleetTally {
  /** The number of instances that were asked for during the run. */
  numRequested = 0;
  numStartFailures = 0;
  /** How many of them became ready, and how long that took them altogether. */
  numColdStarts = 0;
  coldStartSumUs = 0;
  numDrains = 0;
  /** The most instances that there were at the same time. */
  numPeak = 0;
  /** The time spent on starts that came to nothing, and on drains, summed over instances. */
  #vainUs = 0;
  #drainUs = 0;
  readonly #present = new Set<number>();
  /** When each instance that does not serve yet was asked for, and since when each draining one drains, by instance id. */
  readonly #starting = new Map<number, number>();
  readonly #draining = new Map<number, number>();

  add({ kind, instanceId, timeUs }: ClusterEventRecord): void {
    if (instanceId === undefined) return;
    switch (kind) {
      case 'instanceRequested':
        this.numRequested += 1;
        this.#starting.set(instanceId, timeUs);
        this.#enter(instanceId);
        break;
      case 'startFailed':
        this.numStartFailures += 1;
        break;
      case 'instanceReady':
        this.#becomeReady(instanceId, timeUs);
        break;
      case 'drainStarted':
        this.numDrains += 1;
        this.#draining.set(instanceId, timeUs);
        break;
      case 'drainCancelled':
        this.#drainUs += take(this.#draining, instanceId, timeUs) ?? 0;
        break;
      case 'instanceStopped':
      case 'instanceFailed':
        this.#present.delete(instanceId);
        this.#vainUs += take(this.#starting, instanceId, timeUs) ?? 0;
        this.#drainUs += take(this.#draining, instanceId, timeUs) ?? 0;
        break;
      default:
    }
  }

  /** Returns the time in which instances were not ready yet, summed over instances, for a run that ends at `endUs`. */
  coldStartUs(endUs: number): number {
    return this.coldStartSumUs + this.#vainUs + openUs(this.#starting, endUs);
  }

  /** Returns the time in which instances drained, summed over instances. */
  drainUs(endUs: number): number {
    return this.#drainUs + openUs(this.#draining, endUs);
  }

  /** An instance that was there from the start is ready without having been asked for; one that has lost its group is ready again. */
  #becomeReady(instanceId: number, timeUs: number): void {
    this.#enter(instanceId);
    const startUs = take(this.#starting, instanceId, timeUs);
    if (startUs === undefined) return;
    this.numColdStarts += 1;
    this.coldStartSumUs += startUs;
  }

  #enter(instanceId: number): void {
    this.#present.add(instanceId);
    this.numPeak = Math.max(this.numPeak, this.#present.size);
  }
}

/** Ends what has been going on at the instance. Returns how long it took, or `undefined` where nothing was going on. */
function take(since: Map<number, number>, instanceId: number, timeUs: number): number | undefined {
  const startedUs = since.get(instanceId);
  since.delete(instanceId);
  return startedUs === undefined ? undefined : timeUs - startedUs;
}

function openUs(since: ReadonlyMap<number, number>, endUs: number): number {
  let totalUs = 0;
  for (const startedUs of since.values()) totalUs += endUs - startedUs;
  return totalUs;
}
