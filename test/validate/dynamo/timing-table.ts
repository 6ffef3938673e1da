/**
 * How long an engine step takes, measured or made up: the prefill of so many prompt tokens, and one decode by the KV that
 * is held and the mean context of the requests that get a token. Milliseconds. The same numbers go to Dynamo as its
 * profile (lib/mocker/src/common/perf_model.rs), so that both simulators charge equal steps equally.
 */
export interface TimingTable {
  /** Rising prompt tokens of one step, and the time of each. */
  readonly prefillTokens: readonly number[];
  readonly prefillMs: readonly number[];
  /** Rising tokens of KV in use, rising mean contexts, and the time of each pair: `decodeMs[kv][context]`. */
  readonly decodeKvTokens: readonly number[];
  readonly decodeContextTokens: readonly number[];
  readonly decodeMs: readonly (readonly number[])[];
}

/** The shortest decode that Dynamo charges, so that two tokens never bear one time. */
const minDecodeMs = 1;

/** Linear between the points of the table, and beyond its ends as between the last two. */
export function prefillMs(table: TimingTable, tokens: number): number {
  if (tokens === 0) return 0;
  const { index, part } = locate(table.prefillTokens, tokens);
  return Math.max(0, between(at(table.prefillMs, index), at(table.prefillMs, index + 1), part));
}

/** Bilinear in the four points around. */
export function decodeMs(table: TimingTable, kvTokens: number, meanContextTokens: number): number {
  const kv = locate(table.decodeKvTokens, kvTokens);
  const context = locate(table.decodeContextTokens, meanContextTokens);
  const along = (row: readonly number[]): number =>
    between(at(row, context.index), at(row, context.index + 1), context.part);
  const low = along(at(table.decodeMs, kv.index));
  const high = along(at(table.decodeMs, kv.index + 1));
  return Math.max(minDecodeMs, between(low, high, kv.part));
}

/** The piece of the axis that holds the value, and how far into it: outside [0, 1] beyond the ends. */
function locate(axis: readonly number[], value: number): { index: number; part: number } {
  let index = 0;
  while (index < axis.length - 2 && at(axis, index + 1) <= value) index += 1;
  const first = at(axis, index);
  return { index, part: (value - first) / (at(axis, index + 1) - first) };
}

function between(low: number, high: number, part: number): number {
  return low + (high - low) * part;
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no entry ${index} among ${values.length}`);
  return value;
}
