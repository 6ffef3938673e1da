import { usPerMs } from '../../base/units.ts';
import type { MetricDeclarations } from '../metric.ts';

/** What became of the requests. */
export const requestMetrics = {
  offered: {
    label: 'Offered',
    unit: 'requests',
    formula: 'Requests that arrived, whatever became of them.',
    better: 'neither',
    perClass: true,
    compute: ({ offered }) => offered,
  },
  completed: {
    label: 'Completed',
    unit: 'requests',
    formula: 'Requests that got their whole answer.',
    better: 'higher',
    perClass: true,
    compute: ({ ended }) => ended.finished,
  },
  failed: {
    label: 'Failed',
    unit: 'requests',
    formula: 'Requests that the cluster took in and then gave up.',
    better: 'lower',
    compute: ({ ended }) => ended.failed,
  },
  rejected: {
    label: 'Rejected',
    unit: 'requests',
    formula: 'Requests that a policy refused.',
    better: 'lower',
    compute: ({ ended }) => ended.rejected,
  },
  aborted: {
    label: 'Aborted',
    unit: 'requests',
    formula:
      'Requests that the client cancelled because enough parallel branches of the same job had finished.',
    better: 'neither',
    compute: ({ ended }) => ended.aborted,
  },
  unfinished: {
    label: 'Unfinished',
    unit: 'requests',
    formula: 'Requests still waiting or running when the run was cut off.',
    better: 'lower',
    compute: ({ ended }) => ended.unfinished,
  },
  duration_ms: {
    label: 'Duration',
    unit: 'ms',
    formula:
      'Last end - first arrival; the end of the run counts as the end of an unfinished request. With a steady window, its length.',
    better: 'neither',
    compute: ({ durationUs }) => durationUs / usPerMs,
  },
  total_input_tokens: {
    label: 'Input tokens',
    unit: 'tokens',
    formula: 'Prompt tokens of completed requests.',
    better: 'neither',
    compute: ({ requests }) => requests.promptTokens,
  },
  total_output_tokens: {
    label: 'Output tokens',
    unit: 'tokens',
    formula: 'Answer tokens of completed requests.',
    better: 'neither',
    compute: ({ requests }) => requests.outputTokens,
  },
  request_throughput: {
    label: 'Request throughput',
    unit: 'req/s',
    formula: 'Completed requests / duration; with a steady window, those that end in it.',
    better: 'higher',
    undefinedWhen: 'the duration is zero',
    compute: ({ requests, perSecond }) => perSecond(requests.numCompletedInTime),
  },
  output_throughput: {
    label: 'Output throughput',
    unit: 'tok/s',
    formula: 'Answer tokens of completed requests / duration; with a steady window, of those that end in it.',
    better: 'higher',
    undefinedWhen: 'the duration is zero',
    compute: ({ requests, perSecond }) => perSecond(requests.outputTokensInTime),
  },
} as const satisfies MetricDeclarations;
