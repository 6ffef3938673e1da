import { mean } from '../../harness/base/stats.ts';
import type { StackInfo, TimeseriesRow } from '../../harness/metrics/results.ts';
import { coldPhases, drainingPhase, phaseNames, hasScaled } from '../fleet.ts';
import { formatNumber, formatPercent, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownStacks } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { barLabels, bars, labelPx, partBars, stackPanels, tips } from './grammar/index.ts';

const computing = { name: 'computing', hue: colour('group2') };
const idle = { name: 'serving, idle', hue: colour('idle') };
/** From the left. */
const kinds = [computing, idle, drainingPhase, ...coldPhases];

export const instanceTime: Chart = {
  title: 'Where the instance-seconds went',
  question: 'How much of the cost was lost to cold starts, to draining and to waiting for work?',
  draw(results) {
    const stacks = shownStacks(results);
    if (!stacks.some((stack) => hasScaled(results, stack))) {
      return absent('No stack asked for instances or gave any back.');
    }
    const times = stacks.map((stack) => timeOf(results, stack));
    return {
      kind: 'drawn',
      spec: specOf(times),
      answer: answerOf(times),
      caption:
        'Means over the seeds. Everything from asking for an instance to its first request counts as cold start, of starts in vain too. ' +
        'Draining counts whole, though requests still run; computing and idle are those of instances that take requests. ' +
        'Totals, cold starts and draining are exact; how a cold start is divided, and what was computed while draining, comes from the samples.',
    };
  },
};

/** Instance-seconds of one stack by kind, mean over its seeds. */
interface StackTime {
  readonly stack: string;
  readonly seconds: Readonly<Record<string, number>>;
  readonly total: number;
  readonly cold: number;
}

function timeOf(results: Results, stack: StackInfo): StackTime {
  const cells = cellsOf(results, stack);
  const parts = cells.map(secondsByKind);
  const seconds = Object.fromEntries(
    kinds.map(({ name }) => [name, mean(parts.map((part) => part.get(name) ?? 0)) ?? 0]),
  );
  const meanOf = (key: 'instance_seconds' | 'cold_start_seconds') =>
    mean(cells.map(({ summary }) => summary[key])) ?? 0;
  return {
    stack: stack.name,
    seconds,
    total: meanOf('instance_seconds'),
    cold: meanOf('cold_start_seconds'),
  };
}

function secondsByKind({ summary, timeseries }: DoneCell): ReadonlyMap<string, number> {
  const { instance_seconds: total, cold_start_seconds: cold, drain_seconds: draining } = summary;
  const busy = (summary.busy_ratio ?? 0) * total - busySecondsOf(timeseries, 'draining');
  const serving = Math.max(0, total - cold - draining);
  const parts = new Map([
    [computing.name, Math.min(serving, Math.max(0, busy))],
    [idle.name, Math.max(0, serving - Math.max(0, busy))],
    [drainingPhase.name, draining],
  ]);
  const samples = coldPhases.map(({ name }) => ({ name, count: numSamples(timeseries, name) }));
  const numCold = samples.reduce((sum, { count }) => sum + count, 0);
  // A start shorter than the sampling period leaves no sample: all of it is then the first thing that a start does.
  const shares =
    numCold === 0
      ? [{ name: 'provisioning', share: 1 }]
      : samples.map(({ name, count }) => ({ name, share: count / numCold }));
  for (const { name, share } of shares) parts.set(name, cold * share);
  return parts;
}

function numSamples(rows: readonly TimeseriesRow[], phase: string): number {
  return rows.filter(({ state }) => phaseNames[state] === phase).length;
}

function busySecondsOf(rows: readonly TimeseriesRow[], state: TimeseriesRow['state']): number {
  return rows.reduce((sum, row) => sum + (row.state === state ? row.busy_us / 1e6 : 0), 0);
}

function answerOf(times: readonly StackTime[]): string {
  const parts = times
    .filter(({ cold }) => cold > 0)
    .map(({ stack, cold, total }) => ({
      text: `${stack} ${formatNumber(cold)} of ${formatNumber(total)} (${formatPercent(cold / total)})`,
      score: cold,
    }));
  if (parts.length === 0) return 'No instance was started in the run.';
  return `Instance-seconds lost to cold starts: ${listOrExtremes(parts)}.`;
}

function specOf(stacks: readonly StackTime[]) {
  const names = stacks.map(({ stack }) => stack);
  const parts = stacks.flatMap(({ stack, seconds, total }) =>
    kinds.flatMap(({ name: kind }) => {
      const amount = seconds[kind] ?? 0;
      const share = formatPercent(amount / total);
      return amount === 0 ? [] : [{ stack, kind, seconds: roundForPicture(amount), share }];
    }),
  );
  const totals = stacks.map(({ stack, total, cold }) => ({
    stack,
    end: roundForPicture(total),
    label: cold === 0 ? formatNumber(total) : `${formatNumber(total)}, ${formatNumber(cold)} cold`,
  }));
  const looks = kinds.filter(({ name }) => parts.some(({ kind }) => kind === name));
  const legend = kinds.map(({ name }) => name);
  const panel = bars({
    names,
    x: { type: 'quantitative', axis: { title: 'instance-seconds', grid: true, tickCount: 6 } },
    stepPx: 26,
    layers: [
      partBars(parts, {
        x: 'seconds',
        by: 'kind',
        looks,
        heightPx: 15,
        tooltip: tips({ stack: 'stack', kind: 'kind', share: 'share' }),
      }),
      barLabels(totals, 'end'),
    ],
  });
  return stackPanels({ columns: 1, gutterPx: labelPx(names) + 120, legend }, [panel]);
}
