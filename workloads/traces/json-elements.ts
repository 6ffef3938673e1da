import { InputError } from '../../harness/base/errors.ts';

/** A long conversation with its answers has some hundred thousand characters. */
const maxElementLength = 1 << 24;

/**
 * Streams the texts of the elements of a JSON list, which may be larger than one text can be. What stands inside of an
 * element is not checked here. Throws an `InputError` where the document is no list, or ends inside of it.
 */
export async function* readElements(texts: AsyncIterable<string>, source: string): AsyncGenerator<string> {
  const splitter = new ElementSplitter(source);
  for await (const text of texts) yield* splitter.split(text);
  splitter.end();
}

class ElementSplitter {
  readonly #source: string;
  /** 0 outside of the list, 1 between its elements. */
  #depth = 0;
  #isEnded = false;
  #inString = false;
  #isEscaped = false;
  #element = '';

  constructor(source: string) {
    this.#source = source;
  }

  *split(text: string): Generator<string> {
    let start = 0;
    for (let index = 0; index < text.length; index += 1) {
      const sign = text.charAt(index);
      const wasInside = this.#depth > 0;
      const isBoundary = this.#take(sign);
      if (!isBoundary) continue;
      const element = this.#element + text.slice(start, wasInside ? index : start);
      this.#element = '';
      start = index + 1;
      if (element.trim() !== '') yield element;
    }
    this.#element += text.slice(start);
    if (this.#element.length > maxElementLength) {
      throw this.#error(`an element of the list is longer than ${maxElementLength} characters`);
    }
  }

  end(): void {
    if (!this.#isEnded) throw this.#error('the file is no JSON list, or ends inside of it');
  }

  /** Takes a sign; returns whether an element ends before it, or the list begins with it. */
  #take(sign: string): boolean {
    if (this.#inString) {
      this.#takeInString(sign);
      return false;
    }
    if (sign === '"') this.#inString = true;
    if (sign === '[' || sign === '{') return (this.#depth += 1) === 1;
    if (sign === ']' || sign === '}') {
      this.#depth -= 1;
      this.#isEnded = this.#depth === 0;
      return this.#isEnded;
    }
    return sign === ',' && this.#depth === 1;
  }

  #takeInString(sign: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (sign === '\\') this.#isEscaped = true;
    else if (sign === '"') this.#inString = false;
  }

  #error(message: string): InputError {
    return new InputError({ source: this.#source, path: '', message });
  }
}
