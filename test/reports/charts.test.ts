import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import type { TopLevelSpec } from 'vega-lite';
import { beforeAll, describe, expect, it } from 'vitest';
import { charts } from '../../reports/charts/index.ts';
import { doneCells, type Results } from '../../reports/load.ts';
import { resultsOf, simulatedCharts, situationNames, valuesIn } from './fixtures.ts';
import type { SituationName } from './fixtures.ts';

const schemaPath = createRequire(import.meta.url).resolve('vega-lite/vega-lite-schema.json');
const validate = new Ajv({ strict: false, validateFormats: false }).compile(
  JSON.parse(readFileSync(schemaPath, 'utf8')),
);

/** What the charts show alike in another situation. */
const alike: readonly SituationName[] = ['measured', 'three stacks, one seed'];
const drawnAlone = situationNames.filter((name) => !alike.includes(name));

describe.each(drawnAlone)('charts of %s', (situation) => {
  let results: Results;
  beforeAll(async () => {
    results = await resultsOf(situation);
  });

  it.each(Object.entries(charts))(
    '%s is a valid spec that renders without a warning',
    async (_name, chart) => {
      const drawing = chart.draw(results);
      if (drawing.kind === 'absent') {
        expect(drawing.reason).toMatch(/\.$/);
        return;
      }
      expect(drawing.answer).toMatch(/\.$/);
      expect(drawing.answer).not.toMatch(/NaN|undefined|Infinity/);
      validate(drawing.spec);
      expect(validate.errors).toBeNull();
      const { svg, messages } = await render(drawing.spec);
      expect(messages).toEqual([]);
      expect(svg).not.toContain('NaN');
      expect(svg).not.toContain('>0.000000<');
      expect(numMarks(svg)).toBeGreaterThan(0);
    },
  );
});

describe('the registry', () => {
  it('draws every chart of a run in which stacks drop, scale and migrate', async () => {
    const results = await resultsOf('everything that a stack can do');
    const drawn = Object.entries(charts).filter(([, chart]) => chart.draw(results).kind === 'drawn');
    expect(drawn.map(([name]) => name)).toEqual(simulatedCharts);
  });

  it('names charts so that they can be files, and gives each its own title', () => {
    for (const name of Object.keys(charts)) expect(name).toMatch(/^[a-z][a-z-]+$/);
    const titles = Object.values(charts).map((chart) => chart.title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('is pure: the same results give the same specs', async () => {
    const results = await resultsOf('everything that a stack can do');
    const specs = () => JSON.stringify(Object.values(charts).map((chart) => chart.draw(results)));
    expect(specs()).toBe(specs());
  });

  it('says why nothing is drawn when no cell finished', async () => {
    const results = await resultsOf('nothing finished');
    for (const chart of Object.values(charts)) expect(chart.draw(results).kind).toBe('absent');
  });
});

describe('what the charts show', () => {
  it('keeps the longest queue and the fullest memory when it thins', async () => {
    const results = await resultsOf('three stacks, one seed');
    const drawing = charts['burst-timeline']!.draw(results);
    const cell = results.cells[0];
    if (drawing.kind !== 'drawn' || cell?.status !== 'done') throw new Error('not drawn');
    expect(cell.timeseries.length / 4).toBeGreaterThan(1000);
    const panels = 'vconcat' in drawing.spec ? drawing.spec.vconcat : [];
    const drawnQueue = valuesIn(panels.find((panel) => JSON.stringify(panel).includes('"Waiting requests"')))
      .filter((row) => row['stack'] === cell.policy)
      .map((row) => Number(row['count']));
    // Of the whole cluster: 73 requests wait at the worst, and 18.44 of 18.56 MiB of KV are in use.
    expect(Math.max(...drawnQueue)).toBe(73);
    const memory = panels.find((panel) => JSON.stringify(panel).includes('Memory of recompute'));
    const drawnKv = valuesIn(memory)
      .filter((row) => row['kind'] === 'KV in use')
      .map((row) => Number(row['size']));
    expect(Math.max(...drawnKv)).toBeCloseTo(18.4375, 2);
  });

  it('counts requests without a token in the share of the distribution', async () => {
    const results = await resultsOf('three stacks, one seed');
    const lost: Results = {
      ...results,
      cells: results.cells.map((cell) =>
        cell.status === 'done'
          ? {
              ...cell,
              requests: cell.requests.map((row, index) =>
                index % 2 === 0 ? row : { ...row, status: 'rejected' as const, first_token_at_us: null },
              ),
            }
          : cell,
      ),
    };
    const drawing = charts['ttft-distribution']!.draw(lost);
    if (drawing.kind !== 'drawn') throw new Error('not drawn');
    const shares = valuesIn(drawing.spec).map((row) => Number(row['share'] ?? 0));
    expect(Math.max(...shares)).toBeCloseTo(0.5, 2);
  });

  it('agrees with the summary on SLO attainment at the configured target', async () => {
    const results = await resultsOf('three stacks, one seed');
    const drawing = charts['slo-attainment']!.draw(results);
    if (drawing.kind !== 'drawn') throw new Error('not drawn');
    // 151, 158 and 206 of 209 requests.
    const shares = 'recompute 72.2 % and 100 %, swap 75.6 % and 100 % and unlimited 98.6 % and 100 %';
    expect(drawing.answer).toContain(shares);
    expect(doneCells(results).map(({ summary }) => (summary.slo_attainment ?? 0) * 209)).toEqual([
      151, 158, 206,
    ]);
  });
});

async function render(spec: TopLevelSpec): Promise<{ svg: string; messages: string[] }> {
  const messages: string[] = [];
  const note = (...parts: readonly unknown[]) => {
    messages.push(parts.map(String).join(' '));
    return logger;
  };
  const silent = () => logger;
  let threshold = 2;
  const logger = {
    level(value?: number) {
      if (value === undefined) return threshold;
      threshold = value;
      return logger;
    },
    error: note,
    warn: note,
    info: silent,
    debug: silent,
  };
  const compiled = compile(spec, { logger }).spec;
  const view = new View(parse(compiled), { renderer: 'none', logger });
  return { svg: await view.toSVG(), messages };
}

/** Drawn items that are neither axis, legend nor title. */
function numMarks(svg: string): number {
  return [...svg.matchAll(/class="mark-(\w+) role-mark[^"]*"[^>]*>(?=<(?:path|line|rect|text))/g)].length;
}
