import { describe, expect, it } from 'vitest';
import { enginePresetNames, toEngine } from '../../harness/config/engine.ts';
import { setUpOf } from '../../reports/set-up.ts';
import { closingTable } from '../../reports/table.ts';
import { resultsOf } from './fixtures.ts';

type Input = Partial<Parameters<typeof toEngine>[0]>;

function setUp(input: Input = {}, loadReports: object = { kind: 'live' }) {
  const engine = toEngine({
    preset: 'vllm-v1',
    admission: 'whole-prompt',
    blockSizeTokens: 16,
    ...input,
  });
  return setUpOf({ engine, cluster: { loadReports, numInstances: 4 } });
}

describe('what ran, in words', () => {
  it('names every generation of engines apart from the others, with the rules that it went by', () => {
    const all = enginePresetNames.map((preset) => setUp({ preset }));
    expect(new Set(all.map((one) => one?.engine))).toEqual(new Set(['vLLM V1', 'vLLM V0', 'vLLM 0.1']));
    expect(all.map((one) => one?.rules)).toEqual([
      'whole-prompt admission, prompts in chunks, 2,048 tokens a step, 256 requests at a time',
      'whole-prompt admission, prompts in chunks, one chunk of a prompt at a time, 512 tokens a step, 256 requests at a time, 1.0 % of the KV memory kept free',
      'whole-prompt admission, whole prompts in steps of their own, 2,560 tokens a step, 256 requests at a time, 1.0 % of the KV memory kept free',
    ]);
  });

  it('says what the configuration has set otherwise', () => {
    const rules = setUp({ admission: 'first-chunk', maxBatchTokens: 8192, watermarkRatio: 0.05 })?.rules;
    expect(rules).toMatch(
      /^first-chunk admission, .*8,192 tokens a step.* 5\.0 % of the KV memory kept free$/,
    );
  });

  it.each([
    [{ kind: 'live' }, 'live'],
    [{ kind: 'every', us: 500_000 }, 'every 500 ms'],
    [{ kind: 'per-step' }, "per step, as of the last finished one's scheduling"],
  ])('load reports %j are %s', (loadReports, words) => {
    expect(setUp({}, loadReports)?.loadReports).toBe(words);
  });

  it('stands under the closing table, and nowhere where the configuration does not say', async () => {
    const results = await resultsOf('three stacks, one seed');
    expect(closingTable(results)).toContain('Engine: vLLM V1. Load reports: every 500 ms.');
    const manifest = { ...results.manifest, config: {} };
    expect(closingTable({ ...results, manifest })).not.toContain('Engine');
    expect(setUpOf({})).toBeUndefined();
  });
});
