import { describe, expect, it } from 'vitest';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { LoadReporting } from '../../harness/core/state/load/load-reports.ts';
import type { RequestSpec } from '../../harness/domain/workload.ts';
import { policies } from '../../policies/index.ts';
import { withParams } from '../core/policy-of.ts';

const freeness = { checkMs: 1, sourceBelowSteps: 30, targetAboveSteps: 30 };
const quickHpa = { syncS: 0.002, periodS: 0.005, downWindowS: 0.02 };

const dispatchers = {
  'round-robin': withParams('round-robin'),
  'least-loaded': withParams('least-loaded'),
  'infaas-plus-plus': withParams('infaas-plus-plus'),
  llumnix: withParams('llumnix', freeness),
  'llumnix-base': withParams('llumnix-base', freeness),
  chiron: withParams('chiron', { windowMs: 2, intervalS: 0.004, global: false }),
};

const memory = {
  recompute: [],
  swap: [withParams('swap')],
  kunserve: [
    withParams('kunserve', { pollMs: 1, sustainPolls: 1, reportMs: 1, trendReports: 1, minDwellMs: 2 }),
  ],
  unlimited: [withParams('unlimited')],
};

const autoscalers = {
  fixed: withParams('fixed', { instances: 3 }),
  hpa: withParams('hpa', quickHpa),
  'keda-queue': withParams('keda-queue', { ...quickHpa, pollS: 0.002, cooldownS: 0.01, target: 2 }),
  'memory-utilisation': withParams('memory-utilisation', { checkS: 0.002, cooldownS: 0.004 }),
  'llumnix-autoscaler': withParams('llumnix-autoscaler', {
    intervalMs: 2,
    addBelowSteps: 20,
    removeAboveSteps: 200,
  }),
  chiron: withParams('chiron', { windowMs: 2, intervalS: 0.004 }),
};

/** A burst of several times the memory, a calm stretch, another burst. */
const specs: readonly RequestSpec[] = Array.from({ length: 50 }, (_, id) => {
  const timeUs = id < 20 ? id * 100 : id < 30 ? 30_000 + (id - 20) * 8000 : 130_000 + (id - 30) * 100;
  return request(id, timeUs, 10 + ((id * 37) % 70), 10 + ((id * 53) % 60));
});

/** In turn. */
const reportings: readonly LoadReporting[] = [
  { kind: 'live' },
  { kind: 'per-step' },
  { kind: 'every', us: 2000 },
];

const stacks = Object.entries(dispatchers)
  .flatMap(([dispatcher, dispatches]) =>
    Object.entries(memory).flatMap(([keeper, keeps]) =>
      Object.entries(autoscalers)
        .filter(([scaler]) => scaler !== 'chiron' || dispatcher !== 'chiron')
        .map(([scaler, scales]) => ({
          name: `${dispatcher}, ${keeper}, ${scaler}`,
          stack: [dispatches, ...keeps, scales, policies.recompute],
        })),
    ),
  )
  .map((each, index) => ({ ...each, loadReports: reportings[index % 3] as LoadReporting }));

describe('any dispatcher with any memory policy and any autoscaler', () => {
  it.each(stacks)('$name', ({ stack, loadReports }) => {
    const { seen } = runTiny({
      specs,
      policies: stack,
      blocks: 14,
      numInstances: 2,
      maxInstances: 5,
      loadReports,
      faults: [{ instance: 0, atUs: 135_000 }],
      hardware: {
        start: { ...tinyHardware(1).start, failureRatio: 0.2, provisioning: { meanUs: 2000, cv: 0.3 } },
      },
      maxDurationUs: 20e6,
      checkEvery: 7,
    });
    expect(seen.requests).toHaveLength(specs.length);
    for (const { id, status, generatedTokens, outputTokens } of seen.requests) {
      expect({ id, status, generatedTokens }).toEqual({
        id,
        status: 'finished',
        generatedTokens: outputTokens,
      });
    }
    const last = new Map(seen.samples.map((sample) => [sample.instanceId, sample]));
    for (const sample of last.values()) expect(sample).toMatchObject({ kvUsedBytes: 0, hostKvBytes: 0 });
  });
});
