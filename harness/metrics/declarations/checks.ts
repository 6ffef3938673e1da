import type { MetricDeclarations } from '../metric.ts';

/** What was checked. */
export const checkMetrics = {
  generated_tokens: {
    label: 'Generated tokens',
    unit: 'tokens',
    formula: 'Answer tokens of all requests, finished or not.',
    better: 'neither',
    compute: ({ requests }) => requests.generatedTokens,
  },
  verified_tokens: {
    label: 'Verified tokens',
    unit: 'tokens',
    formula: 'Generated tokens that a teacher-forcing replay on a fresh model confirmed.',
    better: 'neither',
    undefinedWhen: 'nothing was really executed, or the check was switched off',
    compute: ({ totals }) => totals.verifiedTokens,
  },
  decisions_rejected: {
    label: 'Rejected decisions',
    unit: 'count',
    formula: 'Decisions of a policy that the core refused as invalid.',
    better: 'lower',
    compute: ({ numDecisionsRejected }) => numDecisionsRejected,
  },
} as const satisfies MetricDeclarations;
