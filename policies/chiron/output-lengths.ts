import type { RequestView } from '../../harness/policy/index.ts';

/** The output limit counts as so many finished requests, so that the first, short ones do not decide alone. */
const priorRequests = 10;

/**
 * Expected length of answers by class: the limit that the client gave at first, more and more the mean of those
 * that have finished.
 */
export class OutputLengths {
  readonly #finished = new Map<string, { requests: number; tokens: number }>();

  learn(className: string, generatedTokens: number): void {
    const seen = this.#finished.get(className) ?? { requests: 0, tokens: 0 };
    seen.requests += 1;
    seen.tokens += generatedTokens;
    this.#finished.set(className, seen);
  }

  /** Tokens that the request is still expected to generate; at least one. */
  remaining({ className, outputLimitTokens, generatedTokens }: RequestView): number {
    const { requests, tokens } = this.#finished.get(className) ?? { requests: 0, tokens: 0 };
    const mean = (priorRequests * outputLimitTokens + tokens) / (priorRequests + requests);
    return Math.max(1, Math.min(mean, outputLimitTokens) - generatedTokens);
  }
}
