import { filterOf, findIn, isSomeIn } from '../../../base/lists.ts';
import type { GroupId, RequestId } from '../../../domain/ids.ts';
import type { RequestStatus, RequestView, ViewList } from '../../../policy/views.ts';

/** A request as its group reported it. What never changes is read off the request itself. */
export class RequestReport implements RequestView {
  #request: RequestView;
  status: RequestStatus;
  generatedTokens = 0;
  tokens = 0;
  computedTokens = 0;
  scheduledTokens = 0;
  kvBlocks = 0;
  numPreemptions = 0;
  isInFlight = false;
  migratesTo: GroupId | undefined;

  constructor(request: RequestView) {
    this.#request = request;
    this.status = request.status;
    this.take(request);
  }

  take(request: RequestView): void {
    this.#request = request;
    this.status = request.status;
    this.generatedTokens = request.generatedTokens;
    this.tokens = request.tokens;
    this.computedTokens = request.computedTokens;
    this.scheduledTokens = request.scheduledTokens;
    this.kvBlocks = request.kvBlocks;
    this.numPreemptions = request.numPreemptions;
    this.isInFlight = request.isInFlight;
    this.migratesTo = request.migratesTo;
  }

  get id(): RequestId {
    return this.#request.id;
  }

  get sessionId(): RequestId {
    return this.#request.sessionId;
  }

  get parentId(): RequestId | undefined {
    return this.#request.parentId;
  }

  get className(): string {
    return this.#request.className;
  }

  get priority(): number {
    return this.#request.priority;
  }

  get arrivedAtUs(): number {
    return this.#request.arrivedAtUs;
  }

  get promptTokens(): number {
    return this.#request.promptTokens;
  }

  get outputLimitTokens(): number {
    return this.#request.outputLimitTokens;
  }
}

/** Whether policies look at more of queues than their lengths and heads: only then is more of them copied. */
export interface ReportDetail {
  hasRows: boolean;
}

/**
 * A queue as it was reported. Its rows are used again by the next report. A policy that looks at more than the head for the
 * first time sees the queue as it is; from then on all of it is reported.
 */
export class ReportedList implements ViewList<RequestView> {
  readonly #queue: ViewList<RequestView>;
  readonly #detail: ReportDetail;
  readonly #rows: RequestReport[] = [];
  #numRows = 0;
  #length = 0;

  constructor(queue: ViewList<RequestView>, detail: ReportDetail) {
    this.#queue = queue;
    this.#detail = detail;
  }

  get length(): number {
    return this.#length;
  }

  at(index: number): RequestView | undefined {
    const row = index < 0 ? this.#length + index : index;
    if (row >= this.#numRows && row < this.#length) this.#lookClosely();
    return row >= 0 && row < this.#length ? this.#rows[row] : undefined;
  }

  find(test: (request: RequestView) => boolean): RequestView | undefined {
    return findIn(this, test);
  }

  filter(test: (request: RequestView) => boolean): RequestView[] {
    return filterOf(this, test);
  }

  some(test: (request: RequestView) => boolean): boolean {
    return isSomeIn(this, test);
  }

  *[Symbol.iterator](): IterableIterator<RequestView> {
    if (this.#numRows < this.#length) this.#lookClosely();
    for (let index = 0; index < this.#length; index += 1) yield this.#rows[index] as RequestReport;
  }

  take(): void {
    this.#length = this.#queue.length;
    const wanted = this.#detail.hasRows ? this.#length : Math.min(1, this.#length);
    let index = 0;
    for (const request of this.#queue) {
      if (index >= wanted) break;
      const row = this.#rows[index];
      if (row === undefined) this.#rows.push(new RequestReport(request));
      else row.take(request);
      index += 1;
    }
    this.#numRows = index;
  }

  #lookClosely(): void {
    this.#detail.hasRows = true;
    this.take();
  }
}
