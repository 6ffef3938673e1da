import { greatest } from 'd3-array';
import type { CellSummary, DecisionRow } from '../../harness/metrics/results.ts';
import { formatBytes } from '../../harness/base/units.ts';
import { faultsOf } from '../faults.ts';
import { plural } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
import { isBound } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatestOf, peaksOf, roundForPicture, seconds } from '../thin.ts';
import { between, layer, notes, targetRules, timeAreas, timeLine, tips } from './grammar/index.ts';
import type { Layer, Look, Panel } from './grammar/index.ts';
import type { Sample, Series } from '../samples.ts';

interface Kind extends Look {
  readonly bytesOf: (sample: Sample) => number;
}

/** Kinds of device memory from the bottom up. */
const kinds: readonly Kind[] = [
  { name: 'weights', hue: colour('weights'), bytesOf: (sample) => sample.weightBytes },
  { name: 'weights loading', hue: colour('loading'), bytesOf: (sample) => sample.loadingBytes },
  { name: 'KV in use', hue: colour('kvUsed'), bytesOf: (sample) => sample.kvUsedBytes },
  { name: 'KV free', hue: colour('kvFree'), bytesOf: (sample) => sample.kvFreeBytes },
  { name: 'reserve', hue: colour('reserve'), bytesOf: (sample) => sample.reserveBytes },
];

/** What a bound shows: it has no limit that anything could be free of. */
const boundKinds = ['weights', 'KV in use'];

/** What all panels share. */
interface Shared {
  /** Device memory of the stacks that have a limit; 0 when none has. */
  readonly budget: number;
  readonly unit: MemoryUnit;
  /** Kinds that some stack has. */
  readonly looks: readonly Kind[];
  readonly maxSamples: number;
}

interface MemoryUnit {
  readonly name: 'MiB' | 'GiB';
  readonly bytes: number;
}

/**
 * Memory of each stack by kind over time, with its preemptions as ticks along the top. Kinds add up to the device memory.
 * What dropping layers has freed is KV memory like any other: a line at the height of the whole model's weights shows it.
 */
export function memoryPanels(results: Results, series: readonly Series[], maxSamples: number): Panel[] {
  const limited = series.filter(({ cell }) => !isBound(results, cell.policy));
  const budget = greatestOf(limited.flatMap(({ samples }) => samples.map(totalOf)));
  const unit: MemoryUnit =
    budget < 4 * 2 ** 30 ? { name: 'MiB', bytes: 2 ** 20 } : { name: 'GiB', bytes: 2 ** 30 };
  const looks = kinds.filter(({ bytesOf }) =>
    series.some(({ samples }) => samples.some((sample) => bytesOf(sample) > 0)),
  );
  return series.map((one) =>
    memoryPanel(one, { budget, unit, looks, maxSamples }, isBound(results, one.cell.policy)),
  );
}

function memoryPanel({ cell, samples }: Series, shared: Shared, isUnlimited: boolean): Panel {
  const { budget, unit, looks, maxSamples } = shared;
  const thinned = peaksOf(
    samples,
    ({ timeUs }) => timeUs,
    maxSamples,
    ({ kvUsedBytes }) => kvUsedBytes,
  );
  const most = Math.max(
    budget,
    greatestOf(thinned.map(isUnlimited ? usedOf : ({ hostKvBytes }) => hostKvBytes)),
  );
  const top = roundForPicture((most * 1.1) / unit.bytes);
  const preempts = cell.decisions.filter((row) => row.kind === 'preempt' && row.outcome === 'applied');
  const shown = isUnlimited ? looks.filter(({ name }) => boundKinds.includes(name)) : looks;
  const rows = thinned.flatMap((sample) =>
    shown.map(({ name, bytesOf }) => ({
      s: seconds(sample.timeUs),
      kind: name,
      size: inUnit(bytesOf(sample), unit),
    })),
  );
  return {
    title: `Memory of ${cell.policy}, ${unit.name}`,
    stack: cell.policy,
    subtitle: changeWords(cell.summary, preempts.length, samples),
    height: 96,
    y: between(0, top, { tickCount: 3 }),
    layers: [
      timeAreas(rows, { y: 'size', by: 'kind', looks }),
      ...(cell.summary.drop_count > 0 ? [droppedLayer(thinned, unit)] : []),
      ...hostLayers(thinned, unit),
      ...(isUnlimited && budget > 0 ? budgetLayers(inUnit(budget, unit)) : []),
      ...faultLayers(cell),
      preemptionLayer(preempts, top, maxSamples),
    ],
  };
}

/** The band between the weights held and those of the whole model. Not for pipelines that were set up as such: they drop nothing. */
function droppedLayer(samples: readonly Sample[], unit: MemoryUnit): Layer {
  const rows = samples.map(({ timeUs, weightBytes, loadingBytes, droppedBytes }) => ({
    s: seconds(timeUs),
    low: inUnit(weightBytes + loadingBytes, unit),
    amount: inUnit(weightBytes + loadingBytes + droppedBytes, unit),
  }));
  const line = { color: colour('ink'), strokeDash: [2, 2], strokeWidth: 1.2, opacity: 1 };
  return layer(
    { type: 'area', interpolate: 'step-after', color: colour('weights'), opacity: 0.3, clip: true, line },
    rows,
    { x: { field: 's' }, y: { field: 'amount' }, y2: { field: 'low' } },
  );
}

/** A dashed line, named at its peak; nothing where no KV ever went to the host. */
function hostLayers(samples: readonly Sample[], unit: MemoryUnit): Layer[] {
  const peak = greatest(samples, ({ hostKvBytes }) => hostKvBytes);
  if (peak === undefined || peak.hostKvBytes === 0) return [];
  const rowOf = ({ timeUs, hostKvBytes }: Sample) => ({
    s: seconds(timeUs),
    amount: inUnit(hostKvBytes, unit),
  });
  const look = { color: colour('hostKv'), strokeDash: [5, 3], strokeWidth: 2, clip: true };
  const name = { ...rowOf(peak), name: 'KV on the host' };
  return [
    timeLine(samples.map(rowOf), 'amount', look),
    notes(
      [name],
      'name',
      { x: { field: 's' }, y: { field: 'amount' } },
      { dx: 4, dy: -7, color: colour('ink'), fontWeight: 600 },
    ),
  ];
}

function budgetLayers(amount: number): Layer[] {
  const rows = [{ amount, name: 'device memory of the others' }];
  const y = { field: 'amount' };
  const name = notes(
    rows,
    'name',
    { y },
    { align: 'right', x: 'width', dx: -4, dy: -6, color: colour('target') },
  );
  return [targetRules(rows, { y }), name];
}

function changeWords(summary: CellSummary, numPreempts: number, samples: readonly Sample[]): string {
  const preemptions = numPreempts === 0 ? 'no preemptions' : plural(numPreempts, 'preemption');
  const { drop_count: drops, restore_count: restores } = summary;
  if (drops === 0) return preemptions;
  const freed = formatBytes(greatestOf(samples.map((sample) => sample.droppedBytes)));
  return `${preemptions}, ${plural(drops, 'drop')}, ${plural(restores, 'restore')}, up to ${freed} freed`;
}

function preemptionLayer(preempts: readonly DecisionRow[], top: number, maxTicks: number): Layer {
  const rows = binBy(preempts, (row) => row.time_us, maxTicks).map((bin) => ({
    s: seconds(bin[0]?.time_us ?? 0),
    preemptions: bin.length,
    y: roundForPicture(top * 0.965),
  }));
  return layer({ type: 'tick', orient: 'vertical', color: colour('ink'), thickness: 1.2, size: 8 }, rows, {
    x: { field: 's' },
    y: { field: 'y' },
    tooltip: tips({ s: 'second', preemptions: 'preemptions' }),
  });
}

/** An upright line and its name where an instance was lost. */
function faultLayers(cell: DoneCell): Layer[] {
  const rows = faultsOf(cell).map(({ time_us: timeUs, instance }) => ({
    s: seconds(timeUs),
    fault: `fault: instance ${instance ?? '?'}`,
  }));
  if (rows.length === 0) return [];
  const x = { field: 's' };
  return [
    layer({ type: 'rule', color: colour('ink') }, rows, { x }),
    notes(rows, 'fault', { x }, { baseline: 'top', y: 14, dx: 4, fontSize: 10, color: colour('ink') }),
  ];
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
