const flushLength = 128 * 1024;
/** What one call adds at most without asking for room: 2^31 has ten digits. */
const slack = 64;

const zero = 0x30;
const quotationMark = 0x22;
const backslash = 0x5c;

/**
 * Collects bytes and delivers them in large pieces. Digits and names are put down one by one: lines of results are written
 * in the simulator's hot path, and a string for each number, joined and encoded, takes twice as long.
 */
export abstract class ByteWriter {
  #bytes = Buffer.allocUnsafe(flushLength);
  #length = 0;

  /** Takes over the bytes at once: they are overwritten afterwards. */
  protected abstract deliver(bytes: Uint8Array): void;

  /** Encodes the text in UTF-8. */
  write(text: string): void {
    // A character of JavaScript's has three bytes at most.
    this.#makeRoom(3 * text.length);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  /** `bytes` are few, such as those of a column's name. */
  writeBytes(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    const target = this.#bytes;
    let position = this.#length;
    for (let index = 0; index < bytes.length; index += 1) target[position++] = bytes[index] as number;
    this.#length = position;
  }

  /** The number as JavaScript prints it. */
  writeNumber(value: number): void {
    const isShort = (value | 0) === value && value >= 0 && !Object.is(value, -0);
    if (!isShort) {
      this.write(String(value));
      return;
    }
    this.#makeRoom(slack);
    let end = this.#length + 1;
    for (let power = 10; value >= power; power *= 10) end += 1;
    this.#length = end;
    let rest = value;
    do {
      const tenth = (rest / 10) | 0;
      this.#bytes[--end] = zero + rest - 10 * tenth;
      rest = tenth;
    } while (rest > 0);
  }

  /** The text as a JSON string, byte for byte what `JSON.stringify` makes of it. */
  writeQuoted(text: string): void {
    this.#makeRoom(text.length + slack);
    const target = this.#bytes;
    let position = this.#length;
    target[position++] = quotationMark;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code < 0x20 || code >= 0x7f || code === quotationMark || code === backslash) {
        this.write(JSON.stringify(text));
        return;
      }
      target[position++] = code;
    }
    target[position++] = quotationMark;
    this.#length = position;
  }

  /** Delivers what has been collected. */
  protected flush(): void {
    if (this.#length === 0) return;
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.deliver(bytes);
  }

  #makeRoom(numBytes: number): void {
    if (this.#length + numBytes <= this.#bytes.length) return;
    this.flush();
    if (numBytes > this.#bytes.length) this.#bytes = Buffer.allocUnsafe(numBytes);
  }
}
