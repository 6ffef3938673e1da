import type { ByteWriter } from '../../harness/metrics/byte-writer.ts';
import { Sink } from '../../harness/metrics/sinks.ts';

/** Keeps the text that is written to it. */
export class TextSink extends Sink {
  readonly #pieces: Buffer[] = [];

  get text(): string {
    this.flush();
    return Buffer.concat(this.#pieces).toString('utf8');
  }

  override close(): void {}

  protected override deliver(bytes: Uint8Array): void {
    this.#pieces.push(Buffer.from(bytes));
  }
}

/** What a writer of rows makes of one record. */
export function lineOf<Reported>(
  rows: { readonly write: (record: Reported, out: ByteWriter) => void },
  record: Reported,
): string {
  const sink = new TextSink();
  rows.write(record, sink);
  return sink.text;
}
