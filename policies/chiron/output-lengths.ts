import type { RequestView } from '../../harness/policy/index.ts';

/** The output limit counts as so many finished requests, so that the first, short ones do not decide alone. */
const priorRequests = 10;

/** Answers of a class that have finished. */
interface Finished {
  requests: number;
  tokens: number;
  squares: number;
}

const noneFinished: Readonly<Finished> = { requests: 0, tokens: 0, squares: 0 };

/**
 * Expected length of answers by class: the limit that the client gave at first, more and more the mean of those
 * that have finished; and how much lengths vary, of the same.
 */
export class OutputLengths {
  readonly #finished = new Map<string, Finished>();

  learn(className: string, generatedTokens: number): void {
    const seen = this.#finished.get(className) ?? { requests: 0, tokens: 0, squares: 0 };
    seen.requests += 1;
    seen.tokens += generatedTokens;
    seen.squares += generatedTokens ** 2;
    this.#finished.set(className, seen);
  }

  /** Tokens that the request is still expected to generate; at least one. */
  remaining({ className, outputLimitTokens, generatedTokens }: RequestView): number {
    const { requests, tokens } = this.#finished.get(className) ?? noneFinished;
    const mean = (priorRequests * outputLimitTokens + tokens) / (priorRequests + requests);
    return Math.max(1, Math.min(mean, outputLimitTokens) - generatedTokens);
  }

  /** Of these tokens. No more than a quarter of the square of what the limit leaves, which bounds it (Popoviciu). */
  variance({ className, outputLimitTokens, generatedTokens }: RequestView): number {
    const { requests, tokens, squares } = this.#finished.get(className) ?? noneFinished;
    const weight = priorRequests + requests;
    const mean = (priorRequests * outputLimitTokens + tokens) / weight;
    const variance = (priorRequests * outputLimitTokens ** 2 + squares) / weight - mean ** 2;
    const most = Math.max(0, outputLimitTokens - generatedTokens) ** 2 / 4;
    return Math.min(Math.max(0, variance), most);
  }
}
