import { must } from '../harness/base/assert.ts';
import { usPerSecond } from '../harness/base/units.ts';
import type { Job, RequestSpec, Workload } from '../harness/domain/workload.ts';

/**
 * All requests on one time axis in seconds, indexed by id, under the assumption that memory and compute are
 * unlimited: prefill takes no time, and every request decodes at one fixed rate. Requests that follow an
 * answer only have an arrival time under such an assumption.
 */
export interface Timeline {
  readonly arrivalS: Float64Array;
  readonly endS: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly classNames: readonly string[];
  /** Index into `classNames`, by request id. */
  readonly classOf: Int32Array;
  readonly numFollowers: number;
  /** Number of requests in the chain of each root that has followers. */
  readonly turns: readonly number[];
  readonly jobs: readonly Job[];
}

export function layOutTimeline(workload: Workload, decodeTokensPerS: number): Timeline {
  const layout = new TimelineLayout(workload, decodeTokensPerS);
  const arrivals = workload.arrivals();
  for (let next = arrivals.next(); next.done !== true; next = arrivals.next()) layout.addRoot(next.value);
  return layout.finish();
}

class TimelineLayout {
  readonly #workload: Workload;
  readonly #decodeTokensPerS: number;
  readonly #arrivalS: Float64Array;
  readonly #endS: Float64Array;
  readonly #promptTokens: Int32Array;
  readonly #outputTokens: Int32Array;
  readonly #classOf: Int32Array;
  readonly #classNames: string[] = [];
  readonly #turns: number[] = [];
  readonly #jobs = new Map<number, Job>();
  #numFollowers = 0;

  constructor(workload: Workload, decodeTokensPerS: number) {
    this.#workload = workload;
    this.#decodeTokensPerS = decodeTokensPerS;
    this.#arrivalS = new Float64Array(workload.numRequests);
    this.#endS = new Float64Array(workload.numRequests);
    this.#promptTokens = new Int32Array(workload.numRequests);
    this.#outputTokens = new Int32Array(workload.numRequests);
    this.#classOf = new Int32Array(workload.numRequests);
  }

  addRoot(root: RequestSpec): void {
    let numTurns = 0;
    const open = [root];
    for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
      this.#place(spec);
      numTurns += 1;
      open.push(...this.#workload.followers(spec.id));
    }
    if (numTurns > 1) this.#turns.push(numTurns);
    this.#numFollowers += numTurns - 1;
  }

  finish(): Timeline {
    for (const job of this.#jobs.values()) this.#cancelRest(job);
    return {
      arrivalS: this.#arrivalS,
      endS: this.#endS,
      promptTokens: this.#promptTokens,
      outputTokens: this.#outputTokens,
      classNames: this.#classNames,
      classOf: this.#classOf,
      numFollowers: this.#numFollowers,
      turns: this.#turns,
      jobs: [...this.#jobs.values()],
    };
  }

  #place({ id, arrival, promptTokens, outputTokens, className, job }: RequestSpec): void {
    const arrivalS =
      arrival.kind === 'at'
        ? arrival.timeUs / usPerSecond
        : must(this.#endS[arrival.requestId], 'followed request') + arrival.delayUs / usPerSecond;
    this.#arrivalS[id] = arrivalS;
    this.#endS[id] = arrivalS + outputTokens / this.#decodeTokensPerS;
    this.#promptTokens[id] = promptTokens;
    this.#outputTokens[id] = outputTokens;
    this.#classOf[id] = this.#numberOfClass(className);
    if (job !== undefined) this.#jobs.set(job.id, job);
  }

  #numberOfClass(name: string): number {
    const known = this.#classNames.indexOf(name);
    return known >= 0 ? known : this.#classNames.push(name) - 1;
  }

  /** Ends the remaining branches of a job when the client has the answers it needs and cancels them. */
  #cancelRest({ branches, needed }: Job): void {
    const ends = branches.map((id) => must(this.#endS[id], 'branch')).toSorted((a, b) => a - b);
    const doneS = must(ends[needed - 1], 'needed branch');
    for (const id of branches) this.#endS[id] = Math.min(must(this.#endS[id], 'branch'), doneS);
  }
}
