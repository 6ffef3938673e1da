import type { DecisionRow } from '../../harness/metrics/results.ts';
import { plural } from '../format.ts';
import type { Results } from '../load.ts';
import { stackNamed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, greatestOf, roundForPicture } from '../thin.ts';
import { burstLayer, timeAxis } from './arrivals.ts';
import type { Stretch } from './arrivals.ts';
import type { Sample, Series } from './samples.ts';

interface MemoryPanelOptions {
  readonly domain: readonly [number, number];
  readonly bursts: readonly Stretch[];
  readonly width: number;
  readonly maxSamples: number;
  /** Device memory of the stacks that have a limit; 0 when none has. */
  readonly budget: number;
  readonly unit: MemoryUnit;
  readonly isBound: boolean;
  readonly isFirst: boolean;
  readonly isLowest: boolean;
}

/** Kinds of device memory from the bottom up. */
const kinds = [
  { kind: 'weights', field: 'weightBytes', colour: colour('weights') },
  { kind: 'KV in use', field: 'kvUsedBytes', colour: colour('kvUsed') },
  { kind: 'KV free', field: 'kvFreeBytes', colour: colour('kvFree') },
  { kind: 'reserve', field: 'reserveBytes', colour: colour('reserve') },
] as const;

const hostKv = 'KV on the host';

/** One unit for all panels, by the greatest budget. */
export interface MemoryUnit {
  readonly name: 'MiB' | 'GiB';
  readonly bytes: number;
}

export function memoryUnit(budget: number): MemoryUnit {
  return budget < 4 * 2 ** 30 ? { name: 'MiB', bytes: 2 ** 20 } : { name: 'GiB', bytes: 2 ** 30 };
}

/** The most device memory that any limited stack had. */
export function memoryBudget(results: Results, series: readonly Series[]): number {
  const limited = series.filter(({ cell }) => stackNamed(results, cell.policy)?.family !== 'bound');
  return greatestOf(limited.flatMap(({ samples }) => samples.map(totalOf)));
}

/** Memory of one stack by kind over time, with its preemptions as ticks along the top. */
export function memoryPanel({ cell, samples }: Series, options: MemoryPanelOptions) {
  const { domain, bursts, width, budget, unit, isBound, isFirst, isLowest } = options;
  const thinned = binBy(samples, (sample) => sample.timeUs, options.maxSamples).flatMap(
    (bin) => greatest(bin, (sample) => sample.kvUsedBytes) ?? [],
  );
  const top = Math.max(budget, greatestOf(thinned.map(isBound ? usedOf : hostOf)));
  const maxShown = (top * 1.1) / unit.bytes;
  const preempts = cell.decisions.filter((row) => row.kind === 'preempt' && row.outcome === 'applied');
  const y: MemoryY = {
    type: 'quantitative',
    scale: { domain: [0, roundForPicture(maxShown)], nice: false },
    axis: { title: null, tickCount: 3 },
  };
  const axes: Axes = { x: timeAxis(domain, isLowest), y, unit };
  return {
    title: `Memory of ${cell.policy}, ${unit.name} (${preemptionWords(preempts.length)})`,
    width,
    height: 96,
    layer: [
      burstLayer(bursts),
      areaLayer(thinned, axes, { isBound, isFirst }),
      ...hostLayers(thinned, axes),
      ...(isBound && budget > 0 ? budgetLayers(budget, axes) : []),
      preemptionLayer(preempts, { maxShown, maxTicks: options.maxSamples }),
    ],
  };
}

interface Axes {
  readonly x: ReturnType<typeof timeAxis>;
  readonly y: MemoryY;
  readonly unit: MemoryUnit;
}

interface MemoryY {
  readonly type: 'quantitative';
  readonly scale: { domain: number[]; nice: boolean };
  readonly axis: { title: null; tickCount: number };
}

function areaLayer(
  samples: readonly Sample[],
  { x, y, unit }: Axes,
  { isBound, isFirst }: { isBound: boolean; isFirst: boolean },
) {
  const shown = isBound ? kinds.filter(({ kind }) => kind === 'weights' || kind === 'KV in use') : kinds;
  const values = samples.flatMap((sample) => {
    let below = 0;
    return shown.map(({ kind, field }) => {
      const low = below;
      below += sample[field];
      return { s: seconds(sample), kind, low: inUnit(low, unit), high: inUnit(below, unit) };
    });
  });
  const range = kinds.map((one) => one.colour);
  const legend = isFirst ? { legend: { symbolType: 'square' } } : { legend: null };
  return {
    data: { values },
    mark: { type: 'area' as const, interpolate: 'step-after' as const, clip: true, line: false },
    encoding: {
      x: { field: 's', ...x },
      y: { field: 'low', ...y },
      y2: { field: 'high' },
      color: {
        field: 'kind',
        type: 'nominal' as const,
        scale: { domain: kinds.map((one) => one.kind), range },
        ...legend,
      },
    },
  };
}

/** A dashed line, named at its peak; nothing where no KV ever went to the host. */
function hostLayers(samples: readonly Sample[], { x, y, unit }: Axes) {
  const peak = greatest(samples, hostOf);
  if (peak === undefined || peak.hostKvBytes === 0) return [];
  const encoding = { x: { field: 's', ...x }, y: { field: 'amount', ...y } };
  return [
    {
      data: { values: samples.map((sample) => hostRow(sample, unit)) },
      mark: {
        type: 'line' as const,
        interpolate: 'step-after' as const,
        color: colour('hostKv'),
        strokeDash: [5, 3],
        strokeWidth: 2,
        clip: true,
      },
      encoding,
    },
    {
      data: { values: [hostRow(peak, unit)] },
      mark: {
        type: 'text' as const,
        text: hostKv,
        align: 'left' as const,
        dx: 4,
        dy: -7,
        color: colour('ink'),
        fontWeight: 600 as const,
      },
      encoding,
    },
  ];
}

function hostRow(sample: Sample, unit: MemoryUnit) {
  return { s: seconds(sample), amount: inUnit(sample.hostKvBytes, unit) };
}

function budgetLayers(budget: number, { y, unit }: Axes) {
  const values = [{ amount: inUnit(budget, unit) }];
  return [
    {
      data: { values },
      mark: { type: 'rule' as const, color: colour('target'), strokeDash: [5, 4], strokeWidth: 1.2 },
      encoding: { y: { field: 'amount', ...y } },
    },
    {
      data: { values },
      mark: {
        type: 'text' as const,
        text: 'device memory of the others',
        align: 'right' as const,
        x: 'width' as const,
        dx: -4,
        dy: -6,
        color: colour('target'),
      },
      encoding: { y: { field: 'amount', ...y } },
    },
  ];
}

function preemptionWords(count: number): string {
  return count === 0 ? 'no preemptions' : plural(count, 'preemption');
}

function preemptionLayer(
  preempts: readonly DecisionRow[],
  { maxShown, maxTicks }: { maxShown: number; maxTicks: number },
) {
  const values = binBy(preempts, (row) => row.time_us, maxTicks).map((bin) => ({
    s: roundForPicture((bin[0]?.time_us ?? 0) / 1e6),
    preemptions: bin.length,
    y: roundForPicture(maxShown * 0.965),
  }));
  return {
    data: { values },
    mark: {
      type: 'tick' as const,
      orient: 'vertical' as const,
      color: colour('ink'),
      thickness: 1.2,
      size: 8,
    },
    encoding: {
      x: { field: 's', type: 'quantitative' as const },
      y: { field: 'y', type: 'quantitative' as const },
      tooltip: [
        { field: 's', type: 'quantitative' as const, title: 'second' },
        { field: 'preemptions', type: 'quantitative' as const },
      ],
    },
  };
}

function seconds(sample: Sample): number {
  return roundForPicture(sample.timeUs / 1e6);
}

function inUnit(bytes: number, unit: MemoryUnit): number {
  return roundForPicture(bytes / unit.bytes);
}

function totalOf(sample: Sample): number {
  return usedOf(sample) + sample.kvFreeBytes + sample.reserveBytes;
}

function usedOf(sample: Sample): number {
  return sample.weightBytes + sample.kvUsedBytes;
}

function hostOf(sample: Sample): number {
  return sample.hostKvBytes;
}
