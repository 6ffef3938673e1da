import type { RequestRecord } from '../core/observer.ts';
import { asRequestId } from '../domain/ids.ts';
import type { RequestClass } from '../domain/workload.ts';
import { forEachRow } from './read-results.ts';
import {
  byLatency,
  latencyMs,
  requestLatencyNames,
  type RequestTimes,
  timesOf,
} from './request-latencies.ts';
import { type RequestRow, requestRows } from './rows/request-row.ts';
import { meetsSlo } from './slo.ts';
import { isInWindow, type SteadyWindow } from './steady-window.ts';

const never = Number.POSITIVE_INFINITY;
const none = Number.NaN;

/** A request that has ended, as the core reports it. */
type EndedRequest = RequestTimes & Pick<RequestRecord, 'id' | 'className'>;

/**
 * What a comparison needs of a cell's requests, in columns indexed by request id. Latencies in milliseconds: `Infinity`
 * when a request never got there, `NaN` when it has none (the TPOT of a one-token answer).
 */
export class RequestOutcomes {
  /** `NaN` when no such request ever arrived. */
  arrivedAtUs = new Float64Array(0);
  readonly latenciesMs = byLatency(() => new Float64Array(0));
  /** 1 when the request finished and met every target of its class. */
  isMet = new Uint8Array(0);
  /** 1 when the client cancelled the request, so that it counts neither for nor against a policy. */
  isAborted = new Uint8Array(0);
  readonly #classes: ReadonlyMap<string, RequestClass>;
  /** By request id; no name where no such request ever arrived. */
  #classNames: string[] = [];

  readonly #window: SteadyWindow | undefined;

  /** Requests that arrive outside of the window are as if there were none. */
  constructor(classes: readonly RequestClass[], window?: SteadyWindow) {
    this.#window = window;
    this.#classes = new Map(classes.map((requestClass) => [requestClass.name, requestClass]));
  }

  static from(
    rows: Iterable<RequestRow>,
    classes: readonly RequestClass[],
    window?: SteadyWindow,
  ): RequestOutcomes {
    const outcomes = new RequestOutcomes(classes, window);
    for (const row of rows) outcomes.add(endedOf(row));
    return outcomes;
  }

  add({ id, className, ...times }: EndedRequest): void {
    if (!isInWindow(this.#window, times.arrivedAtUs)) return;
    if (id >= this.arrivedAtUs.length) this.#grow(Math.max(64, 2 * id));
    const otherwise = times.status === 'finished' ? none : never;
    this.arrivedAtUs[id] = times.arrivedAtUs;
    this.#classNames[id] = className;
    for (const latency of requestLatencyNames) {
      this.latenciesMs[latency][id] = latencyMs(latency, times) ?? otherwise;
    }
    this.isMet[id] = meetsSlo(times, this.#classes.get(className)?.slo ?? {}) ? 1 : 0;
    this.isAborted[id] = times.status === 'aborted' ? 1 : 0;
  }

  /** The same as if requests of other classes had never arrived. */
  ofClass(name: string): RequestOutcomes {
    const own = new RequestOutcomes([...this.#classes.values()], this.#window);
    own.arrivedAtUs = this.arrivedAtUs.map((timeUs, id) => (this.#classNames[id] === name ? timeUs : none));
    for (const latency of requestLatencyNames) own.latenciesMs[latency] = this.latenciesMs[latency];
    own.isMet = this.isMet;
    own.isAborted = this.isAborted;
    own.#classNames = this.#classNames;
    return own;
  }

  /** Returns whether a request with this id ever arrived. */
  has(id: number): boolean {
    return !Number.isNaN(this.arrivedAtUs[id] ?? none);
  }

  #grow(length: number): void {
    this.arrivedAtUs = grown(this.arrivedAtUs, length, none);
    for (const latency of requestLatencyNames) {
      this.latenciesMs[latency] = grown(this.latenciesMs[latency], length, never);
    }
    const { isMet, isAborted } = this;
    this.isMet = new Uint8Array(length);
    this.isMet.set(isMet);
    this.isAborted = new Uint8Array(length);
    this.isAborted.set(isAborted);
  }
}

/** How the requests of a run are judged: their classes, and which of them count. */
export interface Counted {
  readonly classes: readonly RequestClass[];
  readonly window?: SteadyWindow | undefined;
}

/** Reads the requests of a cell of a results folder. */
export async function readOutcomes(
  dir: string,
  cellId: string,
  { classes, window }: Counted,
): Promise<RequestOutcomes> {
  const outcomes = new RequestOutcomes(classes, window);
  await forEachRow(dir, cellId, requestRows, (row) => outcomes.add(endedOf(row)));
  return outcomes;
}

function endedOf(row: RequestRow): EndedRequest {
  return { id: asRequestId(row.id), className: row.class, ...timesOf(row) };
}

function grown(values: Float64Array<ArrayBuffer>, length: number, filler: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length).fill(filler);
  larger.set(values);
  return larger;
}
