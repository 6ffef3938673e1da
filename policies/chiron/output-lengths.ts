import type { RequestView } from '../../harness/policy/index.ts';

/**
 * The output limit is weighted like this many finished requests, so that the first requests to finish, which
 * are the short ones, do not dominate.
 */
const priorRequests = 10;

/** Sums over the finished requests of one class: number, tokens, and squared tokens. */
interface Finished {
  requests: number;
  tokens: number;
  squares: number;
}

const noneFinished: Readonly<Finished> = { requests: 0, tokens: 0, squares: 0 };

/**
 * Estimates answer lengths by class: at first the limit that the client gave, then increasingly the mean of
 * the finished requests; likewise their variance.
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

  /** Returns the number of tokens that the request is still expected to generate, at least 1. */
  remaining({ className, outputLimitTokens, generatedTokens }: RequestView): number {
    const { requests, tokens } = this.#finished.get(className) ?? noneFinished;
    const mean = (priorRequests * outputLimitTokens + tokens) / (priorRequests + requests);
    return Math.max(1, Math.min(mean, outputLimitTokens) - generatedTokens);
  }

  /**
   * Returns the variance of the remaining tokens. It is bounded by a quarter of the squared remaining limit
   * (Popoviciu's inequality).
   */
  variance({ className, outputLimitTokens, generatedTokens }: RequestView): number {
    const { requests, tokens, squares } = this.#finished.get(className) ?? noneFinished;
    const weight = priorRequests + requests;
    const mean = (priorRequests * outputLimitTokens + tokens) / weight;
    const variance = (priorRequests * outputLimitTokens ** 2 + squares) / weight - mean ** 2;
    const most = Math.max(0, outputLimitTokens - generatedTokens) ** 2 / 4;
    return Math.min(Math.max(0, variance), most);
  }
}
