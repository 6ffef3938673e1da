import { beforeAll, describe, expect, it } from 'vitest';
import { charts } from '../../reports/charts/index.ts';
import { renderPage } from '../../reports/html.ts';
import type { Results } from '../../reports/load.ts';
import { closingTable, tableJson } from '../../reports/table.ts';
import { verdictsOf } from '../../reports/verdict.ts';
import { profileWith } from '../calibration/profiles.ts';
import { resultsOf } from './fixtures.ts';

const page = (results: Results) => renderPage(results, [], { scripts: [], style: '' });

/** As if the run had been measured on a device of 0.43 times the speed, and simulated beside; the second stack's cells were disturbed. */
function measuredOf(results: Results): Results {
  const [, second] = results.manifest.stacks;
  const isSecond = (cell: { policy: string }) => cell.policy === second?.name;
  const fidelity = results.manifest.stacks.flatMap(({ name }, index) => [
    { policy: name, metric: 'p50_ttft_ms', measured: 10, simulated: 10 + 0.1 * index, error: 0.01 * index },
    { policy: name, metric: 'p99_ttft_ms', measured: 40, simulated: 30, error: -0.25 },
    { policy: name, metric: 'preemption_count', measured: 0, simulated: 2, error: null },
  ]);
  return {
    ...results,
    manifest: {
      ...results.manifest,
      clock: { kind: 'reference', scale: 0.43, profile: profileWith({ layer: 200 }) },
      twins: { further_seeds: 30, problems: ['the simulation beside swap-s7 failed: no luck'] },
      cells: results.manifest.cells.map((cell) =>
        isSecond(cell) ? { ...cell, disturbed: 'other processes took 24 % of its time (limit 10 %)' } : cell,
      ),
    },
    summary: {
      ...results.summary,
      comparisons: results.summary.comparisons
        .filter((row) => !isSecond(row))
        .map((row) => ({ ...row, num_measured_seeds: 1, num_simulated_seeds: 31 })),
      fidelity,
    },
    cells: results.cells.map((cell) =>
      cell.status === 'done'
        ? {
            ...cell,
            speed: [0.9, 0.95, 1.1].map((speed, beat) => ({ wall_us: beat * 1e5, beat_us: 1000, speed })),
          }
        : cell,
    ),
  };
}

let simulated: Results;
let measured: Results;
beforeAll(async () => {
  simulated = await resultsOf('three stacks, three seeds');
  measured = measuredOf(simulated);
});

describe('what a reader must know to believe a measured run', () => {
  it('stands below the closing table', () => {
    const text = closingTable(measured);
    const { name = '' } = measured.manifest.stacks[1] ?? {};
    expect(text).toMatch(/This device runs [-.\w]+ at 0\.430 times the speed of/);
    expect(text).toContain('Ratios and verdicts rest on 1 measured seed and 31 simulated ones; the figures');
    expect(text).toMatch(/median error over all stacks: \d\.\d % of p50 figures, 25\.0 % of p99 figures\./);
    expect(text).toContain(
      `${name}-s1 was disturbed twice, and no verdict rests on it: other processes took 24 %`,
    );
    expect(text).toMatch(new RegExp(`^${name} .*disturbed$`, 'm'));
    expect(tableJson(measured).notes).toHaveLength(3 + measured.manifest.seeds.length);
  });

  it('says whose time it is where nothing was converted', () => {
    const clock = { kind: 'device', scale: 1, profile: profileWith({}) } as const;
    const own = { ...measured, manifest: { ...measured.manifest, clock } };
    expect(closingTable(own)).toContain("Times are this device's own.");
  });

  it('stands on the first screen, with each stack in a table of its own', () => {
    const markup = page(measured);
    expect(markup).toMatch(/<strong>Trust<.strong> This device runs [-.\w]+ at 0\.430 times/);
    expect(markup).toContain('Can the simulator be trusted?');
    expect(markup).toContain('<span class="worse">−25.0 %</span>');
    expect(markup).toContain('the simulation beside swap-s7 failed: no luck');
    expect(markup).not.toContain('verdicts are unsure below');
  });

  it('tells measured figures from simulated ones beside each ratio', () => {
    const [row] = measured.summary.comparisons.filter(({ metric }) => metric === 'p99_ttft_ms');
    const better = {
      ...row!,
      verdict: 'better' as const,
      ratio: 0.3,
      ratio_low: 0.2,
      ratio_high: 0.4,
      value: 30,
    };
    const both = { ...better, baseline_value: 100, simulated_value: 35, simulated_baseline_value: 110 };
    const results = { ...measured, summary: { ...measured.summary, comparisons: [both] } };
    const policy = { ...results.manifest.stacks.find(({ name }) => name === both.policy)! };
    const stacks = results.manifest.stacks.map((stack) =>
      stack.name === policy.name ? { ...stack, family: 'kv-centric' as const } : stack,
    );
    const [verdict] = verdictsOf({ ...results, manifest: { ...results.manifest, stacks } });
    expect(verdict?.detail).toContain(
      '30 ms against 100 ms measured, 35 ms against 110 ms over 31 simulated seeds',
    );
  });

  it('is left out where nothing was measured', () => {
    expect(closingTable(simulated)).not.toMatch(/This device|Simulator against/);
    expect(page(simulated)).not.toMatch(/Can the simulator be trusted|<strong>Trust/);
    expect(tableJson(simulated).notes).toEqual([]);
  });
});

describe('the speed of the machine', () => {
  it('is drawn for every cell that was measured, one after the other', () => {
    const drawing = charts['machine-speed']?.draw(measured);
    if (drawing?.kind !== 'drawn') throw new Error('not drawn');
    expect(drawing.answer).toBe(
      "Between its cells the machine's speed went from 0.950 to 0.950 times that of the calibration.",
    );
    const spec = JSON.stringify(drawing.spec);
    expect(spec.match(/"state":"disturbed"/g)).toHaveLength(3 * measured.manifest.seeds.length);
    expect(spec.match(/"speed":0\.95/g)).toHaveLength(measured.cells.length);
    expect(spec).toContain(`"s":${0.2 * (measured.cells.length - 1)}`.slice(0, 7));
  });

  it('is not drawn where nothing was measured', () => {
    expect(charts['machine-speed']?.draw(simulated).kind).toBe('absent');
  });
});
