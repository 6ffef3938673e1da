import { InputError } from '../../harness/base/errors.ts';
import { secondsToUs } from '../../harness/base/units.ts';
import type { PlannedSource } from '../merge.ts';
import { floatColumn, intColumn, none, RequestTable } from '../request-table.ts';
import type { SourceOf } from '../source-schema.ts';
import { arrivalTimes, constantRate } from '../arrival-process.ts';
import { formatOf } from '../traces/formats/index.ts';
import { type LoadedTrace, loadTrace } from '../traces/load-trace.ts';
import { locateTrace } from '../traces/locate.ts';
import { type TraceReport, traceWarnings } from '../traces/report.ts';
import type { TraceFile } from '../traces/read-bytes.ts';
import { rowFilter } from '../traces/where.ts';
import { checkCount, type PlanContext } from './plan.ts';
import { createResizer } from './trace-lengths.ts';
import { remarksOn } from './trace-remarks.ts';

type TraceSource = SourceOf<'trace'>;

/**
 * Plans the requests of a trace file. Throws `InputError` if the file is unusable or the window contains no
 * row.
 */
export async function planTrace(
  source: TraceSource,
  context: PlanContext,
): Promise<PlannedSource & { trace: { report: TraceReport; warnings: readonly string[] } }> {
  const file = await locateTrace(source.path, context.baseDir, `${context.path}.path`);
  const trace = await load(file, source, context);
  checkHash(trace, source, context);
  const selection = selectRows(trace, source);
  if (selection.end === selection.begin) throw emptyWindow(trace, source, context);
  checkCount((selection.end - selection.begin) * source.scaleRate, {
    path: context.path,
    what: 'the trace would give {} requests',
    hint: 'lower scaleRate, or narrow the window',
  });
  const { table, numOverlong } = replay(trace, source, selection, context);
  const report: TraceReport = {
    file: source.path,
    sha256: trace.sha256,
    numRows: trace.numRows,
    numLeftOut: trace.numLeftOut,
    skipped: trace.skipped,
    numOutOfOrder: trace.numOutOfOrder,
    spanS: trace.timeS(trace.numUsable - 1),
    numInWindow: selection.end - selection.begin,
    numOverlong,
    numRequests: table.numRequests,
  };
  const outputLimitTokens = source.outputLimitTokens ?? longestOutput(table);
  const warnings = traceWarnings(report, await remarksOn(file, trace, source));
  return { className: source.class, outputLimitTokens, table, trace: { report, warnings } };
}

/** Reads the file. What is wrong with it as a whole, at no line, is told at the source that names it. */
async function load(file: TraceFile, source: TraceSource, { path }: PlanContext): Promise<LoadedTrace> {
  const { promptTokens, outputTokens } = source;
  try {
    return await loadTrace(file, formatOf(source.format), {
      where: rowFilter(source.where),
      isReplaced: { promptTokens: promptTokens !== undefined, outputTokens: outputTokens !== undefined },
    });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const placed = error.issues.map((issue) => (issue.line === undefined ? { ...issue, path } : issue));
    throw new InputError(placed, { cause: error });
  }
}

function checkHash({ sha256 }: LoadedTrace, source: TraceSource, { path }: PlanContext): void {
  if (source.sha256 === undefined || source.sha256 === sha256) return;
  throw new InputError({
    source: source.path,
    path: `${path}.sha256`,
    message: `the file has the SHA-256 ${sha256}; expected ${source.sha256}`,
  });
}

/** The usable rows from `begin` to `end` (exclusive); `startS` of the trace becomes time 0 of the source. */
interface Selection {
  readonly begin: number;
  readonly end: number;
  readonly startS: number;
}

function selectRows(trace: LoadedTrace, { window }: TraceSource): Selection {
  const startS = window?.startS ?? 0;
  const endS = window?.endS ?? (window?.durationS === undefined ? Infinity : startS + window.durationS);
  return { begin: firstAtOrAfter(trace, startS), end: firstAtOrAfter(trace, endS), startS };
}

function firstAtOrAfter(trace: LoadedTrace, timeS: number): number {
  let low = 0;
  let high = trace.numUsable;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (trace.timeS(middle) < timeS) low = middle + 1;
    else high = middle;
  }
  return low;
}

function emptyWindow(trace: LoadedTrace, source: TraceSource, context: PlanContext): InputError {
  const lastS = trace.timeS(trace.numUsable - 1).toFixed(3);
  return new InputError({
    source: source.path,
    path: `${context.path}.window`,
    message: `no row lies in the window; the trace's rows lie between 0 and ${lastS} s after its first`,
  });
}

/**
 * Builds the requests from the selected rows: repeats them, adds jitter, compresses their times and adapts
 * their lengths.
 */
function replay(
  trace: LoadedTrace,
  source: TraceSource,
  selection: Selection,
  context: PlanContext,
): { table: RequestTable; numOverlong: number } {
  const arrivals = scaledArrivals(trace, source, selection, context);
  const lengthsOf = createResizer(trace, source, context);
  const keyOf = createPromptKeys(trace, source);
  const table = new RequestTable();
  let numOverlong = 0;
  for (const { row, timeS } of arrivals) {
    if (table.numRequests === source.numRequests) break;
    const { promptTokens, outputTokens, isOverlong } = lengthsOf(row);
    if (isOverlong) numOverlong += 1;
    if (isOverlong && source.overlong === 'drop') continue;
    const promptKey = keyOf(row, promptTokens);
    table.addRoot(secondsToUs(source.startS + timeS), promptTokens, outputTokens, promptKey);
  }
  return { table, numOverlong };
}

/**
 * Generates the arrivals in order of time, in seconds from the start of the source; ties keep the order of
 * the file.
 */
function* scaledArrivals(
  trace: LoadedTrace,
  source: TraceSource,
  selection: Selection,
  context: PlanContext,
): Generator<{ row: number; timeS: number }> {
  if (source.rate !== undefined) return yield* atRate(source.rate, selection, context);
  const repeatRng = context.stream('repeat');
  const jitterRng = context.stream('jitter');
  const numCopies = Math.ceil(source.scaleRate);
  const keptRatio = source.scaleRate / numCopies;
  const rows = intColumn();
  const times = floatColumn();
  for (let row = selection.begin; row < selection.end; row += 1) {
    const timeS = trace.timeS(row) - selection.startS;
    for (let copy = 0; copy < numCopies; copy += 1) {
      if (keptRatio < 1 && repeatRng.uniform() >= keptRatio) continue;
      rows.push(row);
      times.push((timeS + source.jitterS * jitterRng.uniform()) / source.compressTime);
    }
  }
  const order = Int32Array.from({ length: rows.length }, (_, index) => index);
  const byTime = (a: number, b: number): number => times.at(a) - times.at(b) || a - b;
  for (const index of source.jitterS > 0 ? order.toSorted(byTime) : order)
    yield { row: rows.at(index), timeS: times.at(index) };
}

/** The rows in their order, as a Poisson process. */
function* atRate(
  rate: number,
  { begin, end }: Selection,
  context: PlanContext,
): Generator<{ row: number; timeS: number }> {
  const times = arrivalTimes({ dist: 'poisson' }, constantRate(rate), context.stream('arrivals'));
  for (let row = begin; row < end; row += 1) yield { row, timeS: times.next().value ?? 0 };
}

/**
 * Returns a function that gives the prompt key of a row, or `none`. Prompts share a key if they are equal in
 * the trace and have the same length after scaling and cutting.
 */
function createPromptKeys(
  trace: LoadedTrace,
  source: TraceSource,
): (row: number, promptTokens: number) => number {
  const keys = new Map<string, number>();
  return (row, promptTokens) => {
    const traceKey = trace.promptKey(row);
    if (traceKey === none || source.promptTokens !== undefined) return none;
    const name = `${traceKey}/${promptTokens}`;
    const known = keys.get(name);
    if (known !== undefined) return known;
    keys.set(name, keys.size);
    return keys.size - 1;
  };
}

function longestOutput(table: RequestTable): number {
  let longest = 1;
  for (let row = 0; row < table.numRequests; row += 1)
    longest = Math.max(longest, table.outputTokens.at(row));
  return longest;
}
