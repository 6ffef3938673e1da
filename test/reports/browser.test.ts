import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metrics } from '../../harness/metrics/metrics.ts';
import { writeReport } from '../../reports/index.ts';
import { folderOf, simulatedCharts } from './fixtures.ts';
import type { SituationName } from './fixtures.ts';

const candidates = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const absence = 'no Chromium here, so nothing was opened: install Debian\'s "chromium" or set CHROMIUM_PATH';

it('has a browser to open reports in', (context) => {
  if (executablePath !== undefined) return;
  if (process.env['CI'] === 'true') throw new Error(absence);
  console.warn(`test/reports/browser.test.ts: ${absence}`);
  context.skip(absence);
});

describe.skipIf(executablePath === undefined)('the report in a browser without a network', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: flags });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
  });

  const looks: readonly (readonly [string, BrowserContextOptions, 'screen' | 'print'])[] = [
    ['light', { colorScheme: 'light' }, 'screen'],
    ['dark', { colorScheme: 'dark' }, 'screen'],
    ['print, from dark mode', { colorScheme: 'dark' }, 'print'],
    ['phone', { viewport: { width: 390, height: 844 } }, 'screen'],
  ];

  it.each(looks)(
    'draws every chart: %s',
    async (_, options, media) => {
      const { page, trouble } = await open(browser, await reportOf(), options);
      await page.emulateMedia({ media });
      expect(await drawnCharts(page)).toEqual(simulatedCharts);
      expect(trouble).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide).toBeLessThanOrEqual(0);
      const subtitles = await page.locator('.role-title-subtitle text').allTextContents();
      expect(subtitles.length).toBeGreaterThan(5);
      for (const subtitle of subtitles) expect(subtitle).not.toContain('…');
      const paper = await page.evaluate(() => {
        const picture = document.querySelector('.picture svg');
        return picture === null ? '' : getComputedStyle(picture).backgroundColor;
      });
      const isDark = options.colorScheme === 'dark' && media === 'screen';
      expect(paper).toBe(isDark ? 'rgb(20, 23, 28)' : 'rgb(255, 255, 255)');
      await page.context().close();
    },
    60_000,
  );

  it.each(['names that attack', 'nothing finished', 'one stack, one seed'] as const)(
    'opens without an error: %s',
    async (name) => {
      const { page, trouble } = await open(browser, await reportOf(name), {});
      expect(trouble).toEqual([]);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await drawnCharts(page)).toEqual(await page.$$eval('.picture', namesOf));
      await page.context().close();
    },
    60_000,
  );

  it('shows the figures of a mark under the pointer', async () => {
    const { page } = await open(browser, await reportOf(), {});
    await page.locator('[data-chart="cost-latency"] .mark-symbol.role-mark path').last().hover();
    await page.locator('#tip:not([hidden])').waitFor();
    expect(await page.locator('#tip').textContent()).toContain('instance-seconds');
    await page.context().close();
  }, 60_000);

  it('hides a stack everywhere by its chip or its entry in a legend, and shows it again', async () => {
    const { page, trouble } = await open(browser, await reportOf(), {});
    const row = page.locator('#numbers ~ .scroll tbody tr[data-stack="swap"]');
    const column = page.locator('#fleet ~ .scroll tbody tr:first-child td');
    const picture = page.locator('[data-chart="burst-timeline"]');
    const legend = picture.locator('.role-legend-label text', { hasText: /^swap$/ });
    const memory = picture.locator('.role-title-text', { hasText: 'Memory of swap,' });
    await legend.dispatchEvent('click');
    await legend.waitFor({ state: 'detached' });
    expect([await row.isVisible(), await memory.count()]).toEqual([false, 0]);
    // The lowest panel has the axis and the first one the legend, whoever is hidden.
    for (const chip of await page.locator('#filter [data-chip]').all()) {
      if ((await chip.textContent()) !== 'llumnix' && (await chip.getAttribute('aria-pressed')) === 'true') {
        await chip.click();
      }
    }
    await page.waitForFunction(() => document.querySelectorAll('[data-chart="groups"] svg').length === 0);
    await picture.locator('.role-legend-label text', { hasText: /^KV in use$/ }).waitFor();
    expect(await picture.locator('text', { hasText: 'seconds since the start' }).count()).toBe(1);
    // Of recompute, llumnix, llumnix-blocking, chiron, hpa and llumnix-hpa.
    const areShown = await Promise.all((await column.all()).map((one) => one.isVisible()));
    expect(areShown).toEqual([false, true, false, false, false, false]);
    await page.locator('#show-all').click();
    await memory.waitFor();
    expect(await row.isVisible()).toBe(true);
    expect(trouble).toEqual([]);
    await page.context().close();
  }, 60_000);

  it('opens the timeline of a request from its mark and from the table', async () => {
    const { page, trouble } = await open(browser, await reportOf(), {});
    const dialog = page.locator('#timeline');
    await page.locator('[data-chart="ttft-over-time"] path.opens').last().dispatchEvent('click');
    expect(await dialog.locator('rect.is-decode').count()).toBeGreaterThan(0);
    expect(await dialog.locator('h2').textContent()).toMatch(/^Request \d+, seed 1$/);
    await page.keyboard.press('Escape');
    expect(await dialog.isVisible()).toBe(false);
    const opener = page.locator('.opener').first();
    await opener.click();
    expect(await dialog.locator('h2').textContent()).toContain(`Request ${await opener.textContent()},`);
    // Beside the baseline, each with its decisions.
    expect(await dialog.locator('h3').allTextContents()).toEqual([expect.any(String), 'recompute']);
    expect(await dialog.locator('td', { hasText: 'dispatch' }).count()).toBeGreaterThan(1);
    expect(trouble).toEqual([]);
    await page.context().close();
  }, 60_000);

  it('keeps tables, verdicts and answers without JavaScript', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, offline: true });
    const page = await context.newPage();
    await page.goto(await reportOf());
    expect(await page.locator('#numbers ~ .scroll tbody tr').count()).toBe(10);
    expect(await page.locator('.verdicts li').count()).toBeGreaterThan(3);
    expect(await page.locator('.answer').first().isVisible()).toBe(true);
    expect(await page.locator('noscript p').isVisible()).toBe(true);
    await context.close();
  }, 60_000);
});

const reports = new Map<SituationName, Promise<string>>();

/** Address of the page of a situation, written once. */
async function reportOf(situation: SituationName = 'everything that a stack can do'): Promise<string> {
  const known = reports.get(situation) ?? write(situation);
  reports.set(situation, known);
  return known;
}

async function write(situation: SituationName): Promise<string> {
  const resultsDir = await folderOf(situation);
  const { htmlPath } = await writeReport({ resultsDir, metricDefinitions: metrics });
  return pathToFileURL(htmlPath).href;
}

/** Opens the page cut off from everything; whatever it says or asks for is trouble. */
async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
): Promise<{ page: Page; trouble: string[] }> {
  const context = await browser.newContext(options);
  await context.route(
    (target) => target.href !== url,
    (route) => route.abort(),
  );
  await context.setOffline(true);
  const page = await context.newPage();
  const trouble: string[] = [];
  page.on('console', (message) => trouble.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url) trouble.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForSelector('html[data-charts="drawn"]');
  return { page, trouble };
}

/** Names of the charts whose picture holds marks that take up room. */
async function drawnCharts(page: Page): Promise<string[]> {
  const pictures = page.locator('.picture');
  return pictures.evaluateAll((elements) =>
    elements
      .filter((element) => {
        const marks = element.querySelectorAll(
          'svg .role-mark > path, svg .role-mark > line, svg .role-mark > text',
        );
        const { width, height } = element.querySelector('svg')?.getBoundingClientRect() ?? {
          width: 0,
          height: 0,
        };
        return marks.length > 0 && width > 100 && height > 50;
      })
      .map((element) => element.getAttribute('data-chart') ?? ''),
  );
}

function namesOf(elements: Element[]): string[] {
  return elements.map((element) => element.getAttribute('data-chart') ?? '');
}
