import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { metrics } from '../../harness/metrics/metrics.ts';
import { readPageAssets, renderPage } from '../../reports/html.ts';
import { drawCharts, writeReport } from '../../reports/index.ts';
import { doneCells } from '../../reports/load.ts';
import type { DoneCell, Results } from '../../reports/load.ts';
import { folderOf, hostileName, resultsOf, simulatedCharts } from './fixtures.ts';
import type { SituationName } from './fixtures.ts';
import { larger } from './larger.ts';

const maxBytes = 3_000_000;

async function pageOf(situation: SituationName): Promise<string> {
  return render(await resultsOf(situation));
}

async function render(results: Results): Promise<string> {
  return renderPage(results, drawCharts(results), await readPageAssets());
}

/** The page without the scripts that the report brings along. */
async function ownMarkup(page: string): Promise<string> {
  const { scripts } = await readPageAssets();
  return scripts.reduce((rest, script) => rest.replace(script, () => ''), page);
}

describe('writeReport', () => {
  it('writes the page and every chart, and no drafts', async () => {
    const resultsDir = await folderOf('everything that a stack can do');
    const report = await writeReport({ resultsDir, metricDefinitions: metrics });
    expect(report.bytes).toBe(readFileSync(report.htmlPath).length);
    expect(report.chartPaths.map((path) => basename(path, '.vl.json'))).toEqual(simulatedCharts);
    for (const path of report.chartPaths) {
      expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('$schema');
    }
    const files = [...readdirSync(resultsDir), ...readdirSync(join(resultsDir, 'charts'))];
    expect(files.filter((name) => name.startsWith('.partial'))).toEqual([]);
  });

  it('gives the same bytes for the same results', async () => {
    const resultsDir = await folderOf('three stacks, three seeds');
    const read = async () => {
      const { htmlPath } = await writeReport({ resultsDir, metricDefinitions: metrics });
      return readFileSync(htmlPath, 'utf8');
    };
    expect(await read()).toBe(await read());
  });

  it('removes the file of a chart that can no longer be drawn', async () => {
    const resultsDir = await folderOf('one stack, one seed');
    const { chartPaths } = await writeReport({ resultsDir, metricDefinitions: metrics });
    expect(chartPaths.map((path) => basename(path))).not.toContain('overview.vl.json');
  });
});

describe('the page', () => {
  let page: string;
  /** Of a run in which stacks drop weights, scale and migrate. */
  let fullPage: string;
  beforeAll(async () => {
    page = await pageOf('measured');
    fullPage = await pageOf('everything that a stack can do');
  }, 60_000);

  it.each([
    ['three stacks and seeds', 'three stacks, three seeds', {}],
    ['weights dropped', 'weights dropped, a fault', {}],
    [
      'fifteen stacks of all kinds, five seeds',
      'everything that a stack can do',
      { numStacks: 15, numSeeds: 5 },
    ],
    [
      'two dozen stacks of all kinds, five seeds',
      'everything that a stack can do',
      { numStacks: 24, numSeeds: 5 },
    ],
    [
      'fourteen stacks of three families, five seeds, twice as long',
      'seven stacks of three families, a failed cell',
      { numStacks: 14, numSeeds: 5, times: 2 },
    ],
  ] as const)(
    'stays under 3 MB with %s',
    async (_, situation, size) => {
      const results = larger(await resultsOf(situation), size);
      expect(Buffer.byteLength(await render(results))).toBeLessThan(maxBytes);
    },
    60_000,
  );

  it('lists every section and every chart in its contents', async () => {
    const markup = await ownMarkup(fullPage);
    const [list = ''] = /<nav class="contents".*?<\/nav>/s.exec(markup) ?? [];
    const targets = [...list.matchAll(/href="#([\w-]+)"/g)].map(([, target]) => target);
    const headings = [...markup.slice(0, markup.indexOf('</main>')).matchAll(/<h[23] id="([\w-]+)"/g)].map(
      ([, id]) => id,
    );
    expect(targets).toEqual(headings);
    expect(targets).toContain('chart-burst-timeline');
  });

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
    expect(policy.match(/'sha256-/g)).toHaveLength(8);
    expect(/script-src[^;]*/.exec(policy)?.[0]).not.toContain('unsafe');
  });

  it('links only to anchors and files that exist', async () => {
    const resultsDir = await folderOf('measured');
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
    expect(page).toContain('KV exchange of a merge / decode step, both with full KV memory');
    expect(page).toContain(
      'Engine</strong> vLLM V1: whole-prompt admission, prompts in chunks, 2,048 tokens',
    );
    expect(page).toContain('Load reports</strong> to policies: every 500 ms.');
    expect(page).toContain('bench --config runs/plain.yaml');
  });

  it('scopes every head cell of its tables and keeps headings in order', async () => {
    const markup = await ownMarkup(page);
    expect(markup).not.toMatch(/<th(?! scope=)[\s>]/);
    const levels = [...markup.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1));
  });

  it('says loudly that a run was simulated and which cells failed', async () => {
    const simulated = await pageOf('seven stacks of three families, a failed cell');
    expect(simulated).toContain('SIMULATED');
    expect(simulated).toContain('none: nothing was executed');
    expect(simulated).toContain('1 cell of 14 did not finish');
    expect(simulated).toContain('failed in onTick: &lt;img src=x&gt;');
    expect(simulated).not.toContain('<img');
  });

  it('escapes names wherever they stand', async () => {
    const markup = await ownMarkup(await pageOf('names that attack'));
    expect(markup).not.toContain('<script>alert');
    expect(markup).not.toContain('<b>');
    expect(markup).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
    const numScripts = markup.match(/<script/g)?.length;
    expect(markup.match(/<\/script>/g)).toHaveLength(numScripts ?? 0);
    expect(hostileName).toContain('<script>');
  });

  it('shows what policies report about themselves, and nothing where none does', async () => {
    const results = await resultsOf('weights dropped, a fault');
    // As a policy that had too little to fit anything to.
    const cells = doneCells(results).map((cell): DoneCell => {
      const stats = { ...cell.summary.policy_stats, 'kunserve.fit_error': null };
      const isUnfitted = cell.policy === 'drop-only';
      return isUnfitted ? { ...cell, summary: { ...cell.summary, policy_stats: stats } } : cell;
    });
    const reported = await render({ ...results, cells });
    expect(reported).toContain('What the policies report about themselves');
    // Mean over the seeds, of the stacks that fit a cost model: 0.0243 and 0.0252, 0.0185 and 0.0285.
    expect(rowOf(reported, 'kunserve: fit error')).toEqual(['–', '0.0248', '0.0235']);
    expect(page).not.toContain('What the policies report about themselves');
  });

  it('has a table for each class, in order of priority, with its targets', () => {
    const captions = [...fullPage.matchAll(/<caption>(.*?)<\/caption>/g)].map(([, caption]) => caption);
    expect(captions).toEqual([
      '<strong>interactive</strong>: priority 1; TTFT at most 100 ms and TPOT at most 10 ms',
      '<strong>background</strong>: priority 0; no target, met by finishing',
      '<strong>batch</strong>: priority 0; TTFT at most 15 s',
    ]);
    expect(page).not.toContain('Classes of requests');
  });

  it('marks in them what is surely better or worse on the requests of a class', async () => {
    const results = await resultsOf('everything that a stack can do');
    const { class_comparisons: compared } = results.summary;
    expect(new Set(compared.map((one) => one.class)).size).toBe(3);
    const forced = compared.map((one) =>
      one.class === 'batch' && one.metric === 'p99_ttft_ms' && one.policy === 'hpa'
        ? { ...one, verdict: 'better' as const, ratio: 0.5, ratio_low: 0.4, ratio_high: 0.6 }
        : { ...one, verdict: 'cannot tell' as const },
    );
    const marked = await render({ ...results, summary: { ...results.summary, class_comparisons: forced } });
    expect(
      marked.match(
        /<span class="better" title="against recompute: 0.500× \(95 %: 0.400 to 0.600\), better">/g,
      ),
    ).toHaveLength(1);
    expect(marked).toContain('for all policies in all classes together');
  });

  it('has a table of scaling and migration where there is any', () => {
    expect(fullPage).toContain('Scaling and migration');
    // Of recompute, which stands for what nobody scales, llumnix, llumnix-blocking, chiron, hpa and llumnix-hpa.
    expect(rowOf(fullPage, 'Failed starts')).toEqual(['0', '0', '0', '3.50', '3', '3']);
    const downtimes = rowOf(fullPage, 'Migration downtime max');
    expect(downtimes.map((text) => text.endsWith(' ms'))).toEqual([false, true, true, false, false, true]);
    expect(downtimes[0]).toBe('–');
    expect(page).not.toContain('Scaling and migration');
  });

  it('gives the reasons of scale events as text', () => {
    expect(fullPage).toContain('<summary>Scale events: the first 6 of each stack</summary>');
    const reason = 'kv-usage 0.97 on 4 instances, target 0.7: 4 to 6 replicas';
    expect(fullPage).toContain(`<td class="text">hpa</td><td class="text">${reason}</td>`);
  });

  it('lists charts without anything to draw at the end, with the reason', () => {
    expect(page).toContain('<h3>Not drawn</h3>');
    expect(page).toContain('<li>Bubbles in pipelines: No stack ran a pipeline.</li>');
    expect(page).not.toContain('data-chart="bubbles"');
  });

  it('is written even when nothing finished', async () => {
    const empty = await pageOf('nothing finished');
    expect(empty).toContain('Nothing to compare');
    expect(empty).toContain('3 cells of 3 did not finish');
  });
});

/** Text of the cells of the first row of a table that has this head. */
function rowOf(page: string, head: string): string[] {
  const [, cells = ''] = new RegExp(`${head}</th>((?:<td[^>]*>[^<]*</td>)+)`).exec(page) ?? [];
  return [...cells.matchAll(/<td[^>]*>([^<]*)<\/td>/g)].map(([, text]) => text!);
}
