/** One line of data, fields still as they are in the file. */
export interface TraceRow {
  /** 1-based line where the row ends; in a JSON document the number of the row. */
  readonly line: number;
  readonly time?: unknown;
  readonly promptTokens?: unknown;
  readonly outputTokens?: unknown;
  /** Rows with an equal key have equal prompts. */
  readonly promptKey?: string;
  /** Set when the line could not be taken apart at all. */
  readonly malformed?: string;
  /** Set when `where` asks for other rows. */
  readonly isLeftOut?: true;
}

/** A row longer than this means that the file is not what it is said to be. */
export const maxRowBytes = 1 << 20;
