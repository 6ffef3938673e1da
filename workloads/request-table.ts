import { assert } from '../harness/base/assert.ts';

/** Marks the absence of a request, key or job in a column. */
export const none = -1;

/** A column of numbers whose capacity doubles when it is full. */
export class Column<Numbers extends Float64Array | Int32Array> {
  readonly #allocate: (length: number) => Numbers;
  #values: Numbers;
  #length = 0;

  constructor(allocate: (length: number) => Numbers) {
    this.#allocate = allocate;
    this.#values = allocate(64);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = this.#allocate(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }
}

export function floatColumn(): Column<Float64Array> {
  return new Column((length) => new Float64Array(length));
}

export function intColumn(): Column<Int32Array> {
  return new Column((length) => new Int32Array(length));
}

export interface PlannedRequest {
  /**
   * Arrival time of a root in microseconds; for a follower, the delay after the end of the request that it
   * follows.
   */
  readonly timeUs: number;
  /** Row of the request that this one follows; `none` for a root. */
  readonly follows: number;
  /** Whether the prompt begins with the prompt and answer of the request that this one follows. */
  readonly continues: boolean;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly promptKey: number;
  readonly job: number;
}

/**
 * The plan of one source, one request per row, stored as columns because a trace has millions of rows. Roots
 * are in order of arrival; followers, and branches of the same job, come directly after their root.
 */
export class RequestTable {
  readonly timeUs = floatColumn();
  readonly follows = intColumn();
  readonly continues = intColumn();
  readonly promptTokens = intColumn();
  readonly outputTokens = intColumn();
  readonly promptKey = intColumn();
  readonly job = intColumn();
  /** First row, number of branches, and number of needed answers of each job. */
  readonly jobFirst = intColumn();
  readonly jobBranches = intColumn();
  readonly jobNeeded = intColumn();
  /** Prompt keys in use are 0 to `numPromptKeys` - 1. */
  numPromptKeys = 0;

  get numRequests(): number {
    return this.timeUs.length;
  }

  addRoot(timeUs: number, promptTokens: number, outputTokens: number, promptKey = none): number {
    return this.add({
      timeUs,
      follows: none,
      continues: false,
      promptTokens,
      outputTokens,
      promptKey,
      job: none,
    });
  }

  /** Adds a request and returns its row. */
  add(request: PlannedRequest): number {
    const row = this.numRequests;
    assert(
      request.promptTokens >= 1 && request.outputTokens >= 1 && request.timeUs >= 0,
      'INV-planned-request',
      () => JSON.stringify(request),
    );
    this.timeUs.push(request.timeUs);
    this.follows.push(request.follows);
    this.continues.push(request.continues ? 1 : 0);
    this.promptTokens.push(request.promptTokens);
    this.outputTokens.push(request.outputTokens);
    this.promptKey.push(request.promptKey);
    this.job.push(request.job);
    if (request.promptKey >= this.numPromptKeys) this.numPromptKeys = request.promptKey + 1;
    return row;
  }

  /** Starts a job whose branches are the next `branches` rows, and returns its number. */
  addJob(branches: number, needed: number): number {
    const job = this.jobFirst.length;
    this.jobFirst.push(this.numRequests);
    this.jobBranches.push(branches);
    this.jobNeeded.push(needed);
    return job;
  }
}
