import type { RequestId } from '../domain/ids.ts';
import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { type GivenText, scoreTexts, type TokenScore } from '../model/teacher-forcing.ts';
import { generatedTokens, type TokenOwners, type Transcript } from './measured-requests.ts';

/**
 * Largest accepted difference between a kept logit and the replay's, and between a token's logit and the
 * largest. Logits have a standard deviation of about 1. Measured on a four-layer model: computing float32
 * products in another batch shape changes them by at most 1e-5; losing one block in one layer of a 512-token
 * context changes the next token's logit by 0.02 (median) and by at least 5e-4.
 */
export const logitTolerance = 2e-4;

export interface TokenFailure {
  readonly requestId: RequestId;
  /** Position in the request's output, from 0. */
  readonly tokenIndex: number;
  readonly kept: { readonly token: number; readonly logit: number };
  /** The replay's logit of the kept token, and the token with the largest logit together with that logit. */
  readonly expected: TokenScore;
  /** The instances that ran the step in which the token was generated. */
  readonly owners: TokenOwners;
}

export interface TokenCheck {
  readonly verifiedTokens: number;
  readonly failures: readonly TokenFailure[];
  /** Largest difference between a kept logit and the replay's. */
  readonly maxLogitError: number;
}

export interface CheckOptions {
  readonly backend: TensorflowBackend;
  readonly shape: ModelShape;
  readonly seed: number;
  /** Told of every forward pass of the replay. */
  readonly onPass?: () => void;
}

/**
 * Replays finished requests by teacher forcing on a fresh model with the same seed: prompt and output are
 * computed at once, and every kept token must have the largest logit, equal to the kept logit, up to
 * `logitTolerance`.
 */
export function verifyTokens(transcripts: readonly Transcript[], options: CheckOptions): TokenCheck {
  const failures: TokenFailure[] = [];
  let verifiedTokens = 0;
  let maxLogitError = 0;
  const scores = scoreTexts(transcripts.map(textOf), options);
  for (const [index, transcript] of transcripts.entries()) {
    for (const [tokenIndex, expected] of (scores[index] ?? []).entries()) {
      const logit = transcript.logits[tokenIndex] as number;
      const error = Math.abs(logit - expected.logit);
      maxLogitError = Math.max(maxLogitError, error);
      if (error <= logitTolerance && expected.largestLogit - expected.logit <= logitTolerance) {
        verifiedTokens += 1;
        continue;
      }
      const token = transcript.tokens[transcript.promptTokens + tokenIndex] as number;
      const owners = transcript.owners[tokenIndex] ?? [];
      failures.push({
        requestId: transcript.requestId,
        tokenIndex,
        kept: { token, logit },
        expected,
        owners,
      });
    }
  }
  return { verifiedTokens, failures, maxLogitError };
}

function textOf(transcript: Transcript): GivenText {
  return {
    tokens: transcript.tokens.subarray(0, transcript.numTokens),
    numScored: generatedTokens(transcript),
  };
}

/** Describes a failure in one sentence, for the report of a failed cell. */
export function describeFailure(failure: TokenFailure): string {
  const { requestId, tokenIndex, kept, expected, owners } = failure;
  const stages = owners.map(
    ({ instanceId, layers }) =>
      `instance ${instanceId} (layers ${layers.first}-${layers.first + layers.count - 1})`,
  );
  return (
    `request ${requestId}, output token ${tokenIndex}: kept ${kept.token} with logit ${kept.logit.toFixed(4)}, ` +
    `the replay gives it ${expected.logit.toFixed(4)} and prefers ${expected.largestToken} ` +
    `(${expected.largestLogit.toFixed(4)}); computed by ${stages.join(', ')}`
  );
}
