import type { z } from 'zod';
import { closedRecord, count, flag, ratio } from './fields.ts';

/** Some of the limits that bound one step of a group, for what is to be changed. */
export const limitsSchema = closedRecord({
  maxRunning: count.describe('Requests in the running set.').exactOptional(),
  maxBatchTokens: count.describe('Tokens of one step, prefill and decode together.').exactOptional(),
  watermarkRatio: ratio.describe('Share of the KV blocks that admission leaves free.').exactOptional(),
  admits: flag.describe('Whether waiting requests may be admitted at all.').exactOptional(),
  overlapsChunks: flag
    .describe(
      "Whether a prompt's next chunk may enter a pipeline before its last one has left it; the engine's own rule where not given.",
    )
    .exactOptional(),
});

type SomeLimits = Readonly<z.output<typeof limitsSchema>>;

/** What bounds one step of a group; `limitsSchema` says what each limit means. */
export type Limits = Required<Omit<SomeLimits, 'overlapsChunks'>> & Pick<SomeLimits, 'overlapsChunks'>;
