import { describe, expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import type { RequestSpec, Workload } from '../../harness/domain/workload.ts';
import { scaleModel } from '../../harness/config/index.ts';
import { load, validText } from './support.ts';

function spec(id: number, arrival: RequestSpec['arrival']): RequestSpec {
  return {
    id: asRequestId(id),
    className: 'default',
    promptTokens: 642,
    outputTokens: 262,
    outputLimitTokens: 500,
    arrival,
  };
}

/** Requests of 642 + 262 tokens (BurstGPT's means) at these seconds; the first is continued by one more. */
function workloadAt(seconds: readonly number[]): Workload {
  const follower = spec(seconds.length, { kind: 'after', requestId: asRequestId(0), delayUs: 5 });
  return {
    numRequests: seconds.length + 1,
    classes: [],
    arrivals: () => seconds.map((second, id) => spec(id, { kind: 'at', timeUs: second * 1e6 })).values(),
    followers: (id) => (id === 0 ? [follower] : []),
  };
}

async function ratiosOf(overrides: readonly string[], workload: Workload) {
  const rows = scaleModel(await load(validText, { overrides }), workload);
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

const kunServe = ['model=qwen-2.5-14b', 'cluster.hardware=a800-80gb', 'execution.mode=simulate'];

describe('scale model', () => {
  it("reproduces the ratios of KunServe's testbed", async () => {
    const ratios = await ratiosOf(kunServe, workloadAt([0, 1, 2, 3]));
    expect(ratios['weight_share']).toBeCloseTo(0.344, 2);
    expect(ratios['requests_in_kv_memory']).toBeCloseTo(269, -1);
    expect(ratios['prompt_over_output']).toBeCloseTo(2.45, 2);
    // 0.96 s over a step of 75 ms with full memory; the published 21.7 is 1.3 s over the 60 ms of a step with 58 % of it.
    expect(ratios['exchange_over_step']).toBeGreaterThan(11);
    expect(ratios['exchange_over_step']).toBeLessThan(22);
  });

  it('measures the peak over the length of a burst', async () => {
    const burst = `workload={ kind: burst, baseRate: 1, durationS: 10, promptTokens: { dist: constant, tokens: 9 },
      outputTokens: { dist: constant, tokens: 9 }, bursts: { pattern: at, factor: 4, durationS: 2, startsS: [4] } }`;
    const ratios = await ratiosOf([...kunServe, burst], workloadAt([0, 2, 4, 4.5, 5, 5.5, 8, 10]));
    // 8 arrivals in 10 s are 1.6 in 2 s, and [4, 6) holds 4.
    expect(ratios['peak_over_mean']).toBeCloseTo(4 / 1.6, 9);
    // 30 s of provisioning and 29.54 GB at 3 GB/s, over bursts of 2 s.
    expect(ratios['cold_start_over_burst']).toBeCloseTo((30 + 29.54 / 3) / 2, 2);
  });

  it('takes the cold start from where a new instance reads its weights', async () => {
    const config = await load(validText, {
      overrides: [
        ...kunServe,
        `workload={ kind: burst, baseRate: 1, durationS: 10, promptTokens: { dist: constant, tokens: 9 },
        outputTokens: { dist: constant, tokens: 9 }, bursts: { pattern: at, factor: 4, durationS: 1, startsS: [4] } }`,
      ],
    });
    const loadS = (weightsFrom: 'disk' | 'host' | 'peer') => {
      const hardware = {
        ...config.cluster.hardware,
        diskBytesPerSecond: 1e9,
        hostLink: { bytesPerSecond: 4e9, latencyUs: 1e6 },
        network: { bytesPerSecond: 2e9, latencyUs: 2e6 },
      };
      const start = { ...hardware.start, provisioning: { meanUs: 5e6, cv: 1 }, warmUpUs: 1e6, weightsFrom };
      const cluster = { ...config.cluster, stagesPerGroup: 2, hardware: { ...hardware, start } };
      const rows = scaleModel({ ...config, cluster }, workloadAt([0, 1]));
      return (rows.find(({ key }) => key === 'cold_start_over_burst')?.value ?? Number.NaN) - 6;
    };
    // The whole model, 29.54 GB, and the latency of the link.
    expect(loadS('disk')).toBeCloseTo(29.54 + 1, 2);
    expect(loadS('peer')).toBeCloseTo(29.54 / 2 + 2, 2);
    expect(loadS('host')).toBeCloseTo(29.54 / 4 + 1, 2);
  });

  it('leaves undefined what has no value', async () => {
    const ratios = await ratiosOf(kunServe, workloadAt([3]));
    expect(ratios['peak_over_mean']).toBeNull();
    expect(ratios['cold_start_over_burst']).toBeNull();
  });
});
