/** A row that could not be used. */
export interface BadRow {
  /** 1-based line of the file. */
  readonly line: number;
  readonly reason: string;
}

/** Where a trace's requests come from, and what became of its rows. */
export interface TraceReport {
  /** The file as the configuration writes it. */
  readonly file: string;
  readonly sha256: string;
  /** Rows of data, bad ones included. */
  readonly numRows: number;
  readonly skipped: { readonly count: number; readonly rows: readonly BadRow[] };
  /** Rows earlier than the row before them; they were sorted, ties keep the order of the file. */
  readonly numOutOfOrder: number;
  readonly numInWindow: number;
  /** Requests cut to, or left out because of, the maximum lengths. */
  readonly numOverlong: number;
  /** How many requests are planned from it. */
  readonly numRequests: number;
}

/** How many bad rows a report keeps; the rest is only counted. */
export const maxReportedRows = 20;

/** Returns what a user should know about the trace, in sentences. */
export function traceWarnings(report: TraceReport, overlong: 'cut' | 'drop'): string[] {
  const warnings: string[] = [];
  const { file, skipped } = report;
  if (skipped.count > 0) {
    const shown = skipped.rows.slice(0, 3).map(({ line, reason }) => `line ${line}: ${reason}`);
    const more = skipped.count > shown.length ? '; ...' : '';
    warnings.push(`${file}: skipped ${skipped.count} of ${report.numRows} rows (${shown.join('; ')}${more})`);
  }
  if (report.numOutOfOrder > 0) {
    warnings.push(`${file}: ${report.numOutOfOrder} rows were out of order and have been sorted by time`);
  }
  if (report.numOverlong > 0) {
    const fate = overlong === 'cut' ? 'cut to' : 'left out for being above';
    warnings.push(`${file}: ${report.numOverlong} requests ${fate} the maximum length`);
  }
  return warnings;
}
