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

/** What a request is still expected to generate: a mean, in tokens, and the variance around it. */
export interface Expected {
  readonly tokens: number;
  readonly variance: number;
}

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

  /**
   * At least one token. No variance is more than a quarter of the square of the range, which is what the limit leaves
   * (Popoviciu).
   */
  expected({ className, outputLimitTokens, generatedTokens }: RequestView): Expected {
    const { requests, tokens, squares } = this.#finished.get(className) ?? noneFinished;
    const weight = priorRequests + requests;
    const mean = (priorRequests * outputLimitTokens + tokens) / weight;
    const variance = (priorRequests * outputLimitTokens ** 2 + squares) / weight - mean ** 2;
    const range = Math.max(0, outputLimitTokens - generatedTokens);
    return {
      tokens: Math.max(1, Math.min(mean, outputLimitTokens) - generatedTokens),
      variance: Math.min(Math.max(0, variance), range ** 2 / 4),
    };
  }
}
