import type { CellSummary, DecisionRow } from '../../harness/metrics/results.ts';
import { formatBytes } from '../../harness/base/units.ts';
import { faultsOf } from '../faults.ts';
import { plural } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
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
  /** Kinds that some panel shows. */
  readonly legendKinds: readonly string[];
  readonly isLowest: boolean;
}

/** Kinds of device memory from the bottom up. */
const kinds = [
  { kind: 'weights', field: 'weightBytes', colour: colour('weights') },
  { kind: 'weights loading', field: 'loadingBytes', colour: colour('loading') },
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

/** Kinds of device memory that there are at all. */
export function presentKinds(series: readonly Series[]): readonly string[] {
  const isPresent = (field: (typeof kinds)[number]['field']) =>
    series.some(({ samples }) => samples.some((sample) => sample[field] > 0));
  return kinds.flatMap(({ kind, field }) => (isPresent(field) ? [kind] : []));
}

/** The most device memory that any limited stack had. */
export function memoryBudget(results: Results, series: readonly Series[]): number {
  const limited = series.filter(({ cell }) => stackNamed(results, cell.policy)?.family !== 'bound');
  return greatestOf(limited.flatMap(({ samples }) => samples.map(totalOf)));
}

/**
 * Memory of one stack by kind over time, with its preemptions as ticks along the top. Kinds add up to the device memory.
 * What dropping layers has freed is KV memory like any other: a line at the height of the whole model's weights shows it.
 */
export function memoryPanel({ cell, samples }: Series, options: MemoryPanelOptions) {
  const { domain, bursts, width, budget, unit, isBound, isLowest } = options;
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
    title: {
      text: `Memory of ${cell.policy}, ${unit.name}`,
      subtitle: changeWords(cell.summary, preempts.length, samples),
    },
    width,
    height: 96,
    layer: [
      burstLayer(bursts),
      areaLayer(thinned, axes, options),
      ...(cell.summary.drop_count > 0 ? droppedLayers(thinned, axes) : []),
      ...hostLayers(thinned, axes),
      ...(isBound && budget > 0 ? budgetLayers(budget, axes) : []),
      ...faultLayers(cell, axes),
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
  { isBound, isFirst, legendKinds }: Pick<MemoryPanelOptions, 'isBound' | 'isFirst' | 'legendKinds'>,
) {
  const shown = kinds.filter(
    ({ kind, field }) =>
      (kind === 'weights' || kind === 'KV in use' || !isBound) && samples.some((sample) => sample[field] > 0),
  );
  const values = samples.flatMap((sample) => {
    let below = 0;
    return shown.map(({ kind, field }) => {
      const low = below;
      below += sample[field];
      return { s: seconds(sample), kind, low: inUnit(low, unit), high: inUnit(below, unit) };
    });
  });
  const range = kinds.map((one) => one.colour);
  const legend = { legend: isFirst ? { symbolType: 'square' as const, values: [...legendKinds] } : null };
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

/** The band between the weights held and those of the whole model. Not for pipelines that were set up as such: they drop nothing. */
function droppedLayers(samples: readonly Sample[], { x, y, unit }: Axes) {
  const values = samples.map((sample) => {
    const low = sample.weightBytes + sample.loadingBytes;
    return {
      s: seconds(sample),
      low: inUnit(low, unit),
      amount: inUnit(low + sample.droppedBytes, unit),
    };
  });
  const line = { color: colour('ink'), strokeDash: [2, 2], strokeWidth: 1.2, opacity: 1 };
  const look = { interpolate: 'step-after' as const, color: colour('weights'), opacity: 0.3, clip: true };
  return [
    {
      data: { values },
      mark: { type: 'area' as const, ...look, line },
      encoding: { x: { field: 's', ...x }, y: { field: 'amount', ...y }, y2: { field: 'low' } },
    },
  ];
}

/** A dashed line, named at its peak; nothing where no KV ever went to the host. */
function hostLayers(samples: readonly Sample[], { x, y, unit }: Axes) {
  const peak = greatest(samples, hostOf);
  if (peak === undefined || peak.hostKvBytes === 0) return [];
  const encoding = { x: { field: 's', ...x }, y: { field: 'amount', ...y } };
  const values = samples.map((sample) => hostRow(sample, unit));
  return [
    lineLayer(values, encoding, { color: colour('hostKv'), strokeDash: [5, 3], strokeWidth: 2 }),
    nameLayer([hostRow(peak, unit)], encoding, hostKv),
  ];
}

interface Point {
  readonly s: number;
  readonly amount: number;
}

interface PointEncoding {
  readonly x: ReturnType<typeof timeAxis> & { field: string };
  readonly y: MemoryY & { field: string };
}

function lineLayer(
  values: Point[],
  encoding: PointEncoding,
  look: { color: string; strokeDash: number[]; strokeWidth: number },
) {
  const mark = { type: 'line' as const, interpolate: 'step-after' as const, clip: true, ...look };
  return { data: { values }, mark, encoding };
}

function nameLayer(values: Point[], encoding: PointEncoding, text: string) {
  const place = { align: 'left' as const, dx: 4, dy: -7 };
  const mark = { type: 'text' as const, text, ...place, color: colour('ink'), fontWeight: 600 as const };
  return { data: { values }, mark, encoding };
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

function changeWords(summary: CellSummary, numPreempts: number, samples: readonly Sample[]): string {
  const preemptions = numPreempts === 0 ? 'no preemptions' : plural(numPreempts, 'preemption');
  const { drop_count: drops, restore_count: restores } = summary;
  if (drops === 0) return preemptions;
  const freed = formatBytes(greatestOf(samples.map((sample) => sample.droppedBytes)));
  return `${preemptions}, ${plural(drops, 'drop')}, ${plural(restores, 'restore')}, up to ${freed} freed`;
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

/** An upright line and its name where an instance was lost. */
function faultLayers(cell: DoneCell, { x }: Pick<Axes, 'x'>) {
  const values = faultsOf(cell).map(({ time_us: timeUs, instance }) => ({
    s: roundForPicture(timeUs / 1e6),
    fault: `fault: instance ${instance ?? '?'}`,
  }));
  if (values.length === 0) return [];
  const position = { x: { field: 's', ...x } };
  const name = {
    align: 'left' as const,
    baseline: 'top' as const,
    dx: 4,
    fontSize: 10,
    color: colour('ink'),
  };
  return [
    { data: { values }, mark: { type: 'rule' as const, color: colour('ink') }, encoding: position },
    {
      data: { values },
      mark: { type: 'text' as const, y: 14, ...name },
      encoding: { ...position, text: { field: 'fault', type: 'nominal' as const } },
    },
  ];
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
  return sample.weightBytes + sample.loadingBytes + sample.kvUsedBytes;
}

function hostOf(sample: Sample): number {
  return sample.hostKvBytes;
}
