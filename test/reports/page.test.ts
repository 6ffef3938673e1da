import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { metrics } from '../../harness/metrics/metrics.ts';
import { charts } from '../../reports/charts/index.ts';
import { readPageAssets } from '../../reports/html.ts';
import { writeReport } from '../../reports/index.ts';
import { hostileName, situations, syntheticDir } from './fixtures.ts';
import type { SyntheticOptions } from './synthetic-results.ts';
import { scalingStacks, sevenStacks } from './synthetic-serving.ts';

const maxBytes = 3_000_000;

async function pageOf(options?: SyntheticOptions): Promise<string> {
  const { htmlPath } = await writeReport({ resultsDir: syntheticDir(options), metricDefinitions: metrics });
  return readFileSync(htmlPath, 'utf8');
}

/** The page without the scripts that the report brings along. */
async function ownMarkup(page: string): Promise<string> {
  const { scripts } = await readPageAssets();
  return scripts.reduce((rest, script) => rest.replace(script, () => ''), page);
}

describe('writeReport', () => {
  it('writes the page and every chart, and no drafts', async () => {
    const resultsDir = syntheticDir(situations['everything that a stack can do']);
    const report = await writeReport({ resultsDir, metricDefinitions: metrics });
    expect(report.bytes).toBe(readFileSync(report.htmlPath).length);
    expect(report.chartPaths.map((path) => basename(path, '.vl.json'))).toEqual(Object.keys(charts));
    for (const path of report.chartPaths) {
      expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('$schema');
    }
    const files = [...readdirSync(resultsDir), ...readdirSync(join(resultsDir, 'charts'))];
    expect(files.filter((name) => name.startsWith('.partial'))).toEqual([]);
  });

  it('gives the same bytes for the same results', async () => {
    const resultsDir = syntheticDir();
    const read = async () => {
      const { htmlPath } = await writeReport({ resultsDir, metricDefinitions: metrics });
      return readFileSync(htmlPath, 'utf8');
    };
    expect(await read()).toBe(await read());
  });

  it('removes the file of a chart that can no longer be drawn', async () => {
    const resultsDir = syntheticDir(situations['one stack, one seed']);
    const { chartPaths } = await writeReport({ resultsDir, metricDefinitions: metrics });
    expect(chartPaths.map((path) => basename(path))).not.toContain('overview.vl.json');
  });
});

describe('the page', () => {
  let page: string;
  /** Of a run in which stacks drop weights, scale and migrate. */
  let fullPage: string;
  beforeAll(async () => {
    page = await pageOf();
    fullPage = await pageOf(situations['everything that a stack can do']);
  }, 60_000);

  it.each([
    ['three stacks and seeds', {}],
    ['weights dropped', situations['weights dropped, a fault']],
    ['fifteen stacks of all kinds, three seeds, a minute', allKinds()],
    ['fourteen stacks, five seeds, five minutes', manyStacks()],
  ])(
    'stays under 3 MB with %s',
    async (_, options) => {
      expect(Buffer.byteLength(await pageOf(options))).toBeLessThan(maxBytes);
    },
    60_000,
  );

  it('refers to nothing outside its folder', async () => {
    const markup = await ownMarkup(page);
    expect(markup).not.toMatch(/\ssrc\s*=/i);
    expect(markup).not.toMatch(/url\(|@import|<link|<iframe|<object|<base/i);
    for (const [, target] of markup.matchAll(/href="([^"]*)"/g)) {
      expect(target).toMatch(/^(#[\w-]+|manifest\.json|summary\.json|(charts|cells)\/[\w./%-]+)$/);
    }
  });

  it('forbids every connection and code made at run time by policy, and lists its scripts by hash', () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy.match(/'sha256-/g)).toHaveLength(4);
    expect(/script-src[^;]*/.exec(policy)?.[0]).not.toContain('unsafe');
  });

  it('links only to anchors and files that exist', async () => {
    const resultsDir = syntheticDir();
    await writeReport({ resultsDir, metricDefinitions: metrics });
    const markup = await ownMarkup(page);
    for (const [, target] of markup.matchAll(/href="([^"]*)"/g)) {
      if (target?.startsWith('#')) expect(markup).toContain(`id="${target.slice(1)}"`);
      else expect(() => readFileSync(join(resultsDir, decodeURIComponent(target ?? '')))).not.toThrow();
    }
  });

  it('names who wins, the key numbers, the run and every definition', () => {
    expect(page).toContain('swap (KVCache-centric) wins');
    expect(page).toContain('cannot tell');
    expect(page).toContain('Measured on tensorflow 2.21.0');
    expect(page).toMatch(/Tokens verified<\/dt><dd>([\d,]+) of \1</);
    for (const { label } of Object.values(metrics)) expect(page).toContain(label);
    expect(page).toContain('KV exchange time over step time');
    expect(page).toContain(
      'Engine</strong> vLLM V1: whole-prompt admission, prompts in chunks, 2,048 tokens',
    );
    expect(page).toContain('Load reports</strong> to policies: every 500 ms.');
    expect(page).toContain('bench --config configs/synthetic.yaml --seed 1');
  });

  it('scopes every head cell of its tables and keeps headings in order', async () => {
    const markup = await ownMarkup(page);
    expect(markup).not.toMatch(/<th(?! scope=)[\s>]/);
    const levels = [...markup.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1));
  });

  it('says loudly that a run was simulated and which cells failed', async () => {
    const simulated = await pageOf(situations['seven stacks of three families, a failed cell']);
    expect(simulated).toContain('SIMULATED');
    expect(simulated).toContain('none: nothing was executed');
    expect(simulated).toContain('1 cell of 21 did not finish');
    expect(simulated).toContain('failed in onTick: &lt;img src=x&gt;');
    expect(simulated).not.toContain('<img');
  });

  it('escapes names wherever they stand', async () => {
    const markup = await ownMarkup(await pageOf(situations['names that attack']));
    expect(markup).not.toContain('<script>alert');
    expect(markup).not.toContain('<b>');
    expect(markup).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
    const numScripts = markup.match(/<script/g)?.length;
    expect(markup.match(/<\/script>/g)).toHaveLength(numScripts ?? 0);
    expect(hostileName).toContain('<script>');
  });

  it('shows what policies report about themselves, and nothing where none does', async () => {
    const reported = await pageOf(situations['weights dropped, a fault']);
    expect(reported).toContain('What the policies report about themselves');
    expect(reported).toMatch(/kunserve: cost model error<\/th><td>–<\/td><td>–<\/td><td>0\.0420</);
    expect(page).not.toContain('What the policies report about themselves');
  });

  it('has a table for each class, in order of priority, with its targets', () => {
    const captions = [...fullPage.matchAll(/<caption>(.*?)<\/caption>/g)].map(([, caption]) => caption);
    expect(captions).toEqual([
      '<strong>interactive</strong>: priority 1; TTFT at most 500 ms and TPOT at most 60 ms',
      '<strong>batch</strong>: priority 0; TTFT at most 60 s',
    ]);
    expect(page).not.toContain('Classes of requests');
  });

  it('has a table of scaling and migration where there is any', () => {
    expect(fullPage).toContain('Scaling and migration');
    expect(fullPage).toMatch(/Failed starts<\/th>(<td>0<\/td>){3}<td>1<\/td>/);
    expect(fullPage).toMatch(/Migration downtime max<\/th><td>–<\/td><td>[\d.]+ ms</);
    expect(page).not.toContain('Scaling and migration');
  });

  it('gives the reasons of scale events as text', () => {
    expect(fullPage).toContain('<summary>Scale events: the first 6 of each stack</summary>');
    expect(fullPage).toMatch(/<td class="text">hpa<\/td><td class="text">\d+ requests wait, above 4<\/td>/);
  });

  it('lists charts without anything to draw at the end, with the reason', () => {
    expect(page).toContain('<h3>Not drawn</h3>');
    expect(page).toContain('<li>Bubbles in pipelines: No stack ran a pipeline.</li>');
    expect(page).not.toContain('data-chart="bubbles"');
  });

  it('is written even when nothing finished', async () => {
    const empty = await pageOf(situations['nothing finished']);
    expect(empty).toContain('Nothing to compare');
    expect(empty).toContain('3 cells of 3 did not finish');
  });
});

function allKinds(): SyntheticOptions {
  const copies = scalingStacks.slice(0, 6).map((stack) => ({ ...stack, name: `${stack.name}-again` }));
  return { stacks: [...scalingStacks, ...copies], seeds: [1, 2, 3], seconds: 60, hasBatch: true };
}

function manyStacks(): SyntheticOptions {
  const copies = sevenStacks.map((stack) => ({ ...stack, name: `${stack.name}-with-a-longer-name` }));
  return { stacks: [...sevenStacks, ...copies], seeds: [1, 2, 3, 4, 5], seconds: 60 };
}
