import { formatDuration } from '../../harness/base/units.ts';

/** A row that could not be used. */
export interface BadRow {
  /** 1-based line of the file; in a JSON document the number of the row. */
  readonly line: number;
  readonly reason: string;
}

/** Where a trace's requests come from, and what became of its rows. */
export interface TraceReport {
  /** The file as the configuration writes it. */
  readonly file: string;
  readonly sha256: string;
  /** Rows of data, bad ones included; those that `where` leaves out are not among them. */
  readonly numRows: number;
  readonly numLeftOut: number;
  readonly skipped: { readonly count: number; readonly rows: readonly BadRow[] };
  /** Rows earlier than the row before them; they were sorted, ties keep the order of the file. */
  readonly numOutOfOrder: number;
  /** From the earliest usable row to the latest, in seconds of the trace; 0 where rows have no times. */
  readonly spanS: number;
  readonly numInWindow: number;
  /** Requests cut to, or left out because of, the maximum lengths. */
  readonly numOverlong: number;
  /** How many requests are planned from it. */
  readonly numRequests: number;
}

/** How many bad rows a report keeps; the rest is only counted. */
export const maxReportedRows = 20;

/** What else there is to say of a trace than its report counts. */
export interface TraceRemarks {
  readonly overlong: 'cut' | 'drop';
  /** Whether the rows have times, or the configuration gives them a rate. */
  readonly hasArrivals: boolean;
  /** Whether lengths are estimated from texts. */
  readonly hasEstimates: boolean;
  /** The format that the rows look like, and the one that they are read as, where the two are not the same. */
  readonly mistaken: { readonly looksLike: string; readonly readAs: string } | undefined;
}

/** Returns what a user should know about the trace, in sentences. */
export function traceWarnings(report: TraceReport, remarks: TraceRemarks): string[] {
  const warnings: string[] = [];
  const { file, skipped } = report;
  if (remarks.mistaken !== undefined) {
    const { looksLike, readAs } = remarks.mistaken;
    warnings.push(`${file}: the rows look like ${looksLike} and are read as ${readAs}: ${spanOf(report)}`);
  }
  if (skipped.count > 0) {
    const shown = skipped.rows.slice(0, 3).map(({ line, reason }) => `line ${line}: ${reason}`);
    const more = skipped.count > shown.length ? '; ...' : '';
    warnings.push(`${file}: skipped ${skipped.count} of ${report.numRows} rows (${shown.join('; ')}${more})`);
  }
  if (report.numOutOfOrder > 0) {
    warnings.push(`${file}: ${report.numOutOfOrder} rows were out of order and have been sorted by time`);
  }
  if (report.numOverlong > 0) {
    const fate = remarks.overlong === 'cut' ? 'cut to' : 'left out for being above';
    warnings.push(`${file}: ${report.numOverlong} requests ${fate} the maximum length`);
  }
  if (!remarks.hasArrivals) {
    warnings.push(`${file}: the rows have no times, so all arrive at once; rate spreads them`);
  }
  if (remarks.hasEstimates) {
    warnings.push(`${file}: lengths are estimated from texts, four bytes a token; lengthScale corrects them`);
  }
  return warnings;
}

/** Says how long a trace is, by which a wrong unit of time shows. */
export function spanOf({ numRows, spanS }: Pick<TraceReport, 'numRows' | 'spanS'>): string {
  return `${numRows} rows in ${formatDuration(spanS * 1_000_000)}`;
}
