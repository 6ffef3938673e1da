/** How far one phase of what precedes a run has come. */
interface Progress {
  readonly phase: string;
  readonly text: string;
  /** Completed share, 0 to 1; undefined if unknown. */
  readonly fraction?: number;
}

/** Shows the progress of the set-up: on a terminal one line that is updated, elsewhere one line per phase. */
export class SetupLine {
  readonly #out: NodeJS.WriteStream;
  #lastPhase: string | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show({ phase, text, fraction }: Progress): void {
    const share = fraction === undefined ? '' : ` ${Math.round(fraction * 100)} %`;
    if (this.#out.isTTY)
      this.#out.write(`\r\u001b[K${`${text}${share}`.slice(0, (this.#out.columns || 80) - 1)}`);
    else if (phase !== this.#lastPhase) this.#out.write(`${text}\n`);
    this.#lastPhase = phase;
  }

  /** Clears the line on a terminal. */
  end(): void {
    if (this.#out.isTTY && this.#lastPhase !== undefined) this.#out.write('\r\u001b[K');
  }
}
