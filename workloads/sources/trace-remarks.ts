import type { SourceOf } from '../source-schema.ts';
import { formatOf, recognizeFormats } from '../traces/formats/index.ts';
import { isComputed, type TraceFormat } from '../traces/layout.ts';
import type { LoadedTrace } from '../traces/load-trace.ts';
import { readBeginning, type TraceFile } from '../traces/read-bytes.ts';
import type { TraceRemarks } from '../traces/report.ts';

type TraceSource = SourceOf<'trace'>;

/** Returns what there is to say of a trace besides what became of its rows. */
export async function remarksOn(
  file: TraceFile,
  trace: LoadedTrace,
  source: TraceSource,
): Promise<TraceRemarks> {
  return {
    overlong: source.overlong,
    hasArrivals: trace.hasTimes || source.rate !== undefined,
    hasEstimates: hasEstimates(formatOf(source.format), source),
    mistaken: await mistakenFormat(file, source),
  };
}

function hasEstimates(format: TraceFormat, { promptTokens, outputTokens }: TraceSource): boolean {
  const isDrawn = promptTokens !== undefined && outputTokens !== undefined;
  return isComputed(format) && format.hasTexts && !isDrawn;
}

/** A built-in format whose columns the file has may still be the wrong one: another that has more of them is meant. */
async function mistakenFormat(file: TraceFile, { format }: TraceSource): Promise<TraceRemarks['mistaken']> {
  if (typeof format !== 'string') return undefined;
  const [looksLike, ...others] = recognizeFormats(await readBeginning(file));
  if (looksLike === undefined || others.length > 0 || looksLike === format) return undefined;
  const named = (name: typeof format) => `${name}${unitOf(formatOf(name))}`;
  return { looksLike: named(looksLike), readAs: named(format) };
}

function unitOf({ time }: TraceFormat): string {
  return time === undefined ? ' (without times)' : ` (times in ${time})`;
}
