import { mean, rollup, sum } from 'd3-array';
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
import type { Position } from './grammar/index.ts';

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

/** Instance-seconds of one stack by kind, means over its seeds. */
interface StackTime {
  readonly stack: string;
  readonly parts: readonly { readonly kind: string; readonly seconds: number }[];
  readonly total: number;
  readonly cold: number;
}

function timeOf(results: Results, stack: StackInfo): StackTime {
  const cells = cellsOf(results, stack);
  const byCell = cells.map(secondsByKind);
  return {
    stack: stack.name,
    parts: kinds.map(({ name }) => ({ kind: name, seconds: mean(byCell, (by) => by[name] ?? 0) ?? 0 })),
    total: mean(cells, ({ summary }) => summary.instance_seconds) ?? 0,
    cold: mean(cells, ({ summary }) => summary.cold_start_seconds) ?? 0,
  };
}

function secondsByKind({ summary, timeseries }: DoneCell): Readonly<Record<string, number>> {
  const { instance_seconds: total, cold_start_seconds: cold, drain_seconds: draining } = summary;
  const serving = Math.max(0, total - cold - draining);
  const busyDrainingUs = sum(timeseries, ({ state, busy_us }) => (state === 'draining' ? busy_us : 0));
  const busy = (summary.busy_ratio ?? 0) * total - busyDrainingUs / 1e6;
  const computed = Math.min(serving, Math.max(0, busy));
  return {
    [computing.name]: computed,
    [idle.name]: serving - computed,
    [drainingPhase.name]: draining,
    ...coldSeconds(timeseries, cold),
  };
}

/** Divided as the samples are. A start shorter than their period leaves none: it then is all provisioning, the first phase. */
function coldSeconds(rows: readonly TimeseriesRow[], seconds: number): Record<string, number> {
  const numSamples = rollup(
    rows,
    (same) => same.length,
    ({ state }) => phaseNames[state],
  );
  const total = sum(coldPhases, ({ name }) => numSamples.get(name) ?? 0);
  if (total === 0) return { provisioning: seconds };
  return Object.fromEntries(
    coldPhases.map(({ name }) => [name, (seconds * (numSamples.get(name) ?? 0)) / total]),
  );
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

function specOf(times: readonly StackTime[]) {
  const names = times.map(({ stack }) => stack);
  const rows = times.flatMap(({ stack, parts, total }) =>
    parts
      .filter(({ seconds }) => seconds > 0)
      .map(({ kind, seconds }) => ({
        stack,
        kind,
        seconds: roundForPicture(seconds),
        share: formatPercent(seconds / total),
      })),
  );
  const totals = times.map(({ stack, total, cold }) => ({
    stack,
    end: roundForPicture(total),
    label: cold === 0 ? formatNumber(total) : `${formatNumber(total)}, ${formatNumber(cold)} cold`,
  }));
  const looks = kinds.filter(({ name }) => rows.some(({ kind }) => kind === name));
  const frame = { columns: 1, gutterPx: labelPx(names) + 120, legend: kinds.map(({ name }) => name) };
  const x: Position = {
    type: 'quantitative',
    axis: { title: 'instance-seconds', grid: true, tickCount: 6 },
  };
  const tooltip = tips('stack', 'kind', 'share');
  const layers = [
    partBars(rows, { x: 'seconds', by: 'kind', looks, heightPx: 15, tooltip }),
    barLabels(totals, 'end'),
  ];
  return stackPanels(frame, [bars({ names, x, stepPx: 26, layers })]);
}
