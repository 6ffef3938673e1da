import { type FileHandle, open } from 'node:fs/promises';
import { InputError, messageOf } from '../base/errors.ts';
import { usPerMs } from '../base/units.ts';
import type { RequestClass } from '../domain/workload.ts';
import { type RequestRow, requestRowSchema } from './results.ts';
import { e2elUs, meetsSlo, timesOf, tpotUs, ttftUs } from './slo.ts';

const never = Number.POSITIVE_INFINITY;
const none = Number.NaN;

/**
 * What a comparison needs of a cell's requests, in columns indexed by request id. Latencies in milliseconds: `Infinity`
 * when a request never got there, `NaN` when it does not count.
 */
export class RequestOutcomes {
  /** `NaN` when no such request ever arrived. */
  arrivedAtUs = new Float64Array(0);
  ttftMs = new Float64Array(0);
  /** `NaN` for a one-token answer, which has none. */
  tpotMs = new Float64Array(0);
  e2elMs = new Float64Array(0);
  /** 1 when it finished and met every target of its class. */
  isMet = new Uint8Array(0);
  /** 1 when the client cancelled it: it counts neither for nor against a policy. */
  isAborted = new Uint8Array(0);
  readonly #classes: ReadonlyMap<string, RequestClass>;

  constructor(classes: readonly RequestClass[]) {
    this.#classes = new Map(classes.map((requestClass) => [requestClass.name, requestClass]));
  }

  static from(rows: Iterable<RequestRow>, classes: readonly RequestClass[]): RequestOutcomes {
    const outcomes = new RequestOutcomes(classes);
    for (const row of rows) outcomes.add(row);
    return outcomes;
  }

  add(row: RequestRow): void {
    const { id } = row;
    if (id >= this.arrivedAtUs.length) this.#grow(Math.max(64, 2 * id));
    const times = timesOf(row);
    const hasNoTpot = times.isFinished && row.generated_tokens < 2;
    this.arrivedAtUs[id] = row.arrived_at_us;
    this.ttftMs[id] = (ttftUs(times) ?? never) / usPerMs;
    this.tpotMs[id] = hasNoTpot ? none : (tpotUs(times) ?? never) / usPerMs;
    this.e2elMs[id] = (e2elUs(times) ?? never) / usPerMs;
    this.isMet[id] = meetsSlo(times, this.#classes.get(row.class)?.slo ?? {}) ? 1 : 0;
    this.isAborted[id] = row.status === 'aborted' ? 1 : 0;
  }

  /** Whether a request with this id ever arrived. */
  has(id: number): boolean {
    return !Number.isNaN(this.arrivedAtUs[id] ?? none);
  }

  #grow(length: number): void {
    this.arrivedAtUs = grown(this.arrivedAtUs, length, none);
    this.ttftMs = grown(this.ttftMs, length, never);
    this.tpotMs = grown(this.tpotMs, length, never);
    this.e2elMs = grown(this.e2elMs, length, never);
    const { isMet, isAborted } = this;
    this.isMet = new Uint8Array(length);
    this.isMet.set(isMet);
    this.isAborted = new Uint8Array(length);
    this.isAborted.set(isAborted);
  }
}

/** Reads a cell's `requests.jsonl`; a missing file or a line that is no request row is an `InputError` that names it. */
export async function readOutcomes(path: string, classes: readonly RequestClass[]): Promise<RequestOutcomes> {
  const outcomes = new RequestOutcomes(classes);
  const file = await openFile(path);
  let lineNumber = 0;
  try {
    for await (const line of file.readLines()) {
      lineNumber += 1;
      outcomes.add(parseRow(line, path, lineNumber));
    }
  } finally {
    await file.close();
  }
  return outcomes;
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw new InputError(
      { source: path, path: '', message: `cannot be read: ${messageOf(error)}` },
      { cause: error },
    );
  }
}

function parseRow(line: string, path: string, lineNumber: number): RequestRow {
  const where = { source: path, line: lineNumber, path: '' };
  const parsed = requestRowSchema.safeParse(parseJson(line, where));
  if (parsed.success) return parsed.data;
  throw new InputError(
    parsed.error.issues.map((issue) => ({ ...where, path: issue.path.join('.'), message: issue.message })),
  );
}

function parseJson(line: string, where: { source: string; line: number; path: string }): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new InputError({ ...where, message: `not JSON: ${messageOf(error)}` }, { cause: error });
  }
}

function grown(values: Float64Array<ArrayBuffer>, length: number, filler: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length).fill(filler);
  larger.set(values);
  return larger;
}
