import { z } from 'zod';
import { medianError } from '../harness/metrics/fidelity.ts';
import { formatNumber, formatPercent, plural } from './format.ts';
import type { Results } from './load.ts';

/** What a reader must know to believe a measured run, each in a sentence; nothing for other runs. */
export function trustNotes(results: Results): readonly string[] {
  return [clockNote(results), seedsNote(results), fidelityNote(results), ...disturbedNotes(results)].filter(
    (note) => note !== '',
  );
}

/** In whose time the figures are. */
export function clockNote({ manifest }: Results): string {
  const { clock } = manifest;
  if (clock === undefined) return '';
  if (clock.kind === 'device') return "Times are this device's own.";
  const { model, hardware } = namesOf(manifest.config);
  return `This device runs ${model} at ${formatNumber(clock.scale)} times the speed of ${hardware}; times are those of ${hardware}.`;
}

/** What the verdicts rest on. */
export function seedsNote(results: Results): string {
  const { comparisons } = results.summary;
  const most = (key: 'num_measured_seeds' | 'num_simulated_seeds') =>
    Math.max(0, ...comparisons.map((comparison) => comparison[key] ?? 0));
  const numSimulated = most('num_simulated_seeds');
  if (numSimulated === 0) return '';
  return `Ratios and verdicts rest on ${plural(most('num_measured_seeds'), 'measured seed')} and ${formatNumber(numSimulated)} simulated ones; the figures beside them are the measured ones.`;
}

/** How far the simulator agrees with what was measured. */
export function fidelityNote({ summary: { fidelity = [] } }: Results): string {
  const of = (statistic: string) => medianError(fidelity, (metric) => metric.startsWith(`${statistic}_`));
  const [typical, tail] = [of('p50'), of('p99')];
  if (typical === undefined || tail === undefined) return '';
  return (
    'Simulator against measurement, same requests, median error over all stacks: ' +
    `${formatPercent(typical)} of p50 figures, ${formatPercent(tail)} of p99 figures.`
  );
}

/** Which cells do not count, and why. */
export function disturbedNotes({ manifest }: Results): readonly string[] {
  return manifest.cells.flatMap(({ id, disturbed }) =>
    disturbed === undefined ? [] : [`${id} was disturbed twice, and no verdict rests on it: ${disturbed}.`],
  );
}

/** Whether all cells of the stack were disturbed, so that it could not be compared. */
export function isDisturbed({ manifest }: Results, stackName: string): boolean {
  const cells = manifest.cells.filter(({ policy, status }) => policy === stackName && status === 'done');
  return cells.length > 0 && cells.every(({ disturbed }) => disturbed !== undefined);
}

const namedSchema = z.object({ name: z.string() });
const configSchema = z.object({ model: namedSchema, cluster: z.object({ hardware: namedSchema }) });

/** Names in a resolved configuration; in words where it is none. */
function namesOf(config: unknown): { model: string; hardware: string } {
  const { data } = configSchema.safeParse(config);
  const unnamed = 'the described device';
  return { model: data?.model.name ?? 'the model', hardware: data?.cluster.hardware.name ?? unnamed };
}
