import { assert, must } from '../harness/base/assert.ts';
import { asRequestId, type RequestId } from '../harness/domain/ids.ts';
import type { Job, RequestClass, RequestSpec, Workload } from '../harness/domain/workload.ts';
import { none, type RequestTable } from './request-table.ts';

export interface PlannedSource {
  readonly className: string;
  readonly outputLimitTokens: number;
  readonly table: RequestTable;
}

/**
 * Merges the sources by arrival time and numbers the requests in that order; of simultaneous arrivals the
 * earlier source comes first. Followers and branches are numbered directly after their root.
 */
export function mergeSources(sources: readonly PlannedSource[], classes: readonly RequestClass[]): Workload {
  const numRequests = sources.reduce((sum, { table }) => sum + table.numRequests, 0);
  const sourceOf = new Uint16Array(numRequests);
  const rowOf = new Int32Array(numRequests);
  const idsOf = sources.map(({ table }) => new Int32Array(table.numRequests));
  const cursors = sources.map(() => 0);
  let lastUs = 0;
  for (let id = 0; id < numRequests; ) {
    const index = nextSource(sources, cursors);
    const { table } = must(sources[index], 'source');
    const ids = must(idsOf[index], 'ids');
    let row = must(cursors[index], 'cursor');
    const timeUs = table.timeUs.at(row);
    assert(timeUs >= lastUs, 'INV-arrival-order', () => `${timeUs} us after ${lastUs} us`);
    lastUs = timeUs;
    do {
      sourceOf[id] = index;
      rowOf[id] = row;
      ids[row] = id;
      id += 1;
      row += 1;
    } while (row < table.numRequests && table.follows.at(row) !== none);
    cursors[index] = row;
  }
  return new PlannedWorkload({ sources, classes, sourceOf, rowOf, idsOf });
}

/** Returns the index of the source whose next root arrives first, or `none` if all sources are exhausted. */
function nextSource(sources: readonly PlannedSource[], cursors: readonly number[]): number {
  let best = none;
  let bestUs = Infinity;
  sources.forEach(({ table }, index) => {
    const row = must(cursors[index], 'cursor');
    if (row >= table.numRequests || table.timeUs.at(row) >= bestUs) return;
    best = index;
    bestUs = table.timeUs.at(row);
  });
  return best;
}

interface MergedPlan {
  readonly sources: readonly PlannedSource[];
  readonly classes: readonly RequestClass[];
  /** Source and row of each request, by request id. */
  readonly sourceOf: Uint16Array;
  readonly rowOf: Int32Array;
  /** Request id by source and row. */
  readonly idsOf: readonly Int32Array[];
}

/**
 * The merged workload. It creates each `RequestSpec` only on demand, because plans can have millions of
 * requests.
 */
class PlannedWorkload implements Workload {
  readonly classes: readonly RequestClass[];
  readonly #plan: MergedPlan;
  readonly #promptKeyBases: readonly number[];
  readonly #jobBases: readonly number[];
  readonly #followers: FollowerIndex;

  constructor(plan: MergedPlan) {
    this.classes = plan.classes;
    this.#plan = plan;
    this.#promptKeyBases = runningSums(plan.sources.map(({ table }) => table.numPromptKeys));
    this.#jobBases = runningSums(plan.sources.map(({ table }) => table.jobFirst.length));
    this.#followers = indexFollowers(this.numRequests, (id) => this.#followed(id));
  }

  get numRequests(): number {
    return this.#plan.rowOf.length;
  }

  *arrivals(): Generator<RequestSpec, undefined> {
    for (let id = 0; id < this.numRequests; id += 1) {
      if (this.#followed(id) === none) yield this.#spec(id);
    }
    return undefined;
  }

  followers(id: RequestId): readonly RequestSpec[] {
    const specs: RequestSpec[] = [];
    const { first, next } = this.#followers;
    for (let follower = first[id] ?? none; follower !== none; follower = next[follower] ?? none) {
      specs.push(this.#spec(follower));
    }
    return specs;
  }

  /** Returns the id of the request that this one follows, or `none`. */
  #followed(id: number): number {
    const { table, ids, row } = this.#locate(id);
    const followedRow = table.follows.at(row);
    return followedRow === none ? none : must(ids[followedRow], 'followed request');
  }

  #locate(id: number): PlannedSource & { index: number; ids: Int32Array; row: number } {
    const { sources, sourceOf, rowOf, idsOf } = this.#plan;
    const index = must(sourceOf[id], 'source of request');
    const { className, outputLimitTokens, table } = must(sources[index], 'source');
    const ids = must(idsOf[index], 'ids');
    return { className, outputLimitTokens, table, index, ids, row: must(rowOf[id], 'row of request') };
  }

  #spec(id: number): RequestSpec {
    const { className, outputLimitTokens, table, index, ids, row } = this.#locate(id);
    const timeUs = table.timeUs.at(row);
    const followedRow = table.follows.at(row);
    const followedId = followedRow === none ? none : must(ids[followedRow], 'followed request');
    const promptKey = table.promptKey.at(row);
    const job = table.job.at(row);
    return {
      id: asRequestId(id),
      className,
      promptTokens: table.promptTokens.at(row),
      outputTokens: table.outputTokens.at(row),
      outputLimitTokens,
      arrival:
        followedId === none
          ? { kind: 'at', timeUs }
          : { kind: 'after', requestId: asRequestId(followedId), delayUs: timeUs },
      ...(table.continues.at(row) === 1
        ? {
            continues: asRequestId(followedId),
            sessionId: asRequestId(must(ids[firstTurn(table, row)], 'turn')),
          }
        : {}),
      ...(promptKey === none ? {} : { promptKey: promptKey + must(this.#promptKeyBases[index], 'key base') }),
      ...(job === none ? {} : { job: this.#job(index, job) }),
    };
  }

  #job(index: number, job: number): Job {
    const { table } = must(this.#plan.sources[index], 'source');
    const ids = must(this.#plan.idsOf[index], 'ids');
    const first = table.jobFirst.at(job);
    const rows = Array.from({ length: table.jobBranches.at(job) }, (_, branch) => first + branch);
    return {
      id: job + must(this.#jobBases[index], 'job base'),
      branches: rows.map((row) => asRequestId(must(ids[row], 'branch'))),
      needed: table.jobNeeded.at(job),
    };
  }
}

/** Returns the row of the first turn of the conversation that the request is a turn of. */
function firstTurn(table: RequestTable, row: number): number {
  let turn = row;
  while (table.continues.at(turn) === 1) turn = table.follows.at(turn);
  return turn;
}

/**
 * Linked lists over request ids: the first follower of each request, and the next follower of the same
 * request.
 */
interface FollowerIndex {
  readonly first: Int32Array;
  readonly next: Int32Array;
}

/** Builds the lists; they stay empty if no request follows another, as in every trace. */
function indexFollowers(numRequests: number, followed: (id: number) => number): FollowerIndex {
  let index: FollowerIndex = { first: new Int32Array(0), next: new Int32Array(0) };
  for (let id = numRequests - 1; id >= 0; id -= 1) {
    const predecessor = followed(id);
    if (predecessor === none) continue;
    if (index.first.length === 0) {
      index = { first: new Int32Array(numRequests).fill(none), next: new Int32Array(numRequests).fill(none) };
    }
    index.next[id] = index.first[predecessor] ?? none;
    index.first[predecessor] = id;
  }
  return index;
}

function runningSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => (sum += value) - value);
}
