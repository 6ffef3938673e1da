import { group, rollup } from 'd3-array';
import type { StackInfo, TimeseriesRow } from '../harness/metrics/results.ts';
import { cellsOf } from './load.ts';
import type { DoneCell, Results } from './load.ts';
import { colour } from './theme.ts';
import type { ColourName } from './theme.ts';

/** What an instance is doing, as charts name and colour it: `serving` is told apart by role where there are several. */
export interface Phase {
  readonly name: string;
  readonly hue: string;
}

/** On the way to the first request, in order. */
export const coldPhases: readonly Phase[] = [
  { name: 'warming up', hue: colour('warming') },
  { name: 'loading weights', hue: colour('starting') },
  { name: 'provisioning', hue: colour('provisioning') },
];
export const drainingPhase: Phase = { name: 'draining', hue: colour('draining') };

/** The phases that do not depend on the role. */
export const phaseNames: Readonly<Partial<Record<TimeseriesRow['state'], string>>> = {
  provisioning: 'provisioning',
  loading: 'loading weights',
  'warming-up': 'warming up',
  draining: drainingPhase.name,
};

/** Roles that built-in policies give come first, so that they look the same in every report. */
const knownRoles = ['mixed', 'interactive', 'batch'];
const roleHues: readonly ColourName[] = ['group2', 'group0', 'group1', 'group3'];

/** The phases of some cells, as an area chart stacks them from the bottom up, and which of them a row is in. */
export class Phases {
  readonly all: readonly Phase[];
  readonly #roles: readonly string[];

  constructor(cells: readonly DoneCell[]) {
    const roles = new Set(
      cells.flatMap(({ timeseries }) => timeseries.filter(isReady).map(({ role }) => role)),
    );
    const known = knownRoles.filter((role) => roles.has(role));
    const others = [...roles].filter((role) => !knownRoles.includes(role)).toSorted();
    this.#roles = [...known, ...others];
    const free = roleHues.filter((_, index) => !roles.has(knownRoles[index] ?? ''));
    const hueOf = (role: string) => roleHues[knownRoles.indexOf(role)] ?? free.shift() ?? 'group3';
    const serving = [...new Set(this.#roles.map((role) => this.#servingName(role)))];
    const phases = serving.map((name, index) => ({
      name,
      hue: colour(serving.length === 1 ? 'group2' : hueOf(this.#roles[index] ?? '')),
    }));
    this.all = [...phases, drainingPhase, ...coldPhases];
  }

  /** `undefined` once the instance is gone. */
  nameOf({ state, role }: Pick<TimeseriesRow, 'state' | 'role'>): string | undefined {
    return state === 'ready' ? this.#servingName(role) : phaseNames[state];
  }

  /** Roles beyond the colours share the last one. */
  #servingName(role: string): string {
    if (this.#roles.length < 2) return 'serving';
    const isShared = this.#roles.length > roleHues.length && this.#roles.indexOf(role) >= roleHues.length - 1;
    return isShared ? 'serving, other roles' : `serving, ${role}`;
  }
}

function isReady({ state }: TimeseriesRow): boolean {
  return state === 'ready';
}

/** How many instances are in each phase from a time on. */
export interface FleetStep {
  readonly timeUs: number;
  readonly counts: ReadonlyMap<string, number>;
  /** Instances that cost something. */
  readonly total: number;
}

/** One step for each sample at which a count is other than before, and one for the last sample. */
export function fleetSteps({ timeseries }: DoneCell, phases: Phases): FleetStep[] {
  const steps: FleetStep[] = [];
  const endUs = timeseries.at(-1)?.time_us;
  for (const [timeUs, rows] of byTime(timeseries)) {
    const names = rows.flatMap((row) => phases.nameOf(row) ?? []);
    const counts = rollup(
      names,
      ({ length }) => length,
      (name) => name,
    );
    if (timeUs === endUs || !isSame(counts, steps.at(-1)?.counts)) {
      steps.push({ timeUs, counts, total: names.length });
    }
  }
  return steps;
}

function isSame(
  counts: ReadonlyMap<string, number>,
  other: ReadonlyMap<string, number> | undefined,
): boolean {
  return other?.size === counts.size && [...counts].every(([name, count]) => other.get(name) === count);
}

/** The rows of each sample, in order of time. */
export function byTime(rows: readonly TimeseriesRow[]): ReadonlyMap<number, readonly TimeseriesRow[]> {
  return group(rows, ({ time_us: timeUs }) => timeUs);
}

/** Whether any seed of the stack asked for instances or gave some back. */
export function hasScaled(results: Results, stack: StackInfo): boolean {
  return cellsOf(results, stack).some(({ summary }) => summary.scale_up_count > 0 || summary.drain_count > 0);
}

/** Whether any seed of the stack moved a running request, or tried to. */
export function hasMigrated(results: Results, stack: StackInfo): boolean {
  return cellsOf(results, stack).some(({ migrations }) => migrations.length > 0);
}
