import { type Difference, differences, showValue } from '../base/differences.ts';
import { InputError, type InputIssue } from '../base/errors.ts';
import { judgePairs, pairBySeed } from './compare.ts';
import { readComparedCells } from './compare-cells.ts';
import { countedOf } from './counted.ts';
import type { ComparedMetricKey } from './metrics.ts';
import type { ComparedCell } from './paired-run.ts';
import type { FinishedFolder } from './read-finished.ts';
import type { Comparison, Manifest } from './results.ts';
import { type Judged, withVerdicts } from './verdicts.ts';

/** What two runs say about the stacks that both have: the first is the baseline of each. */
export interface RunComparison {
  /** What the runs differ in, besides their figures. */
  readonly changes: readonly Difference[];
  readonly stacks: readonly string[];
  /** Of cells that both runs finished and that nothing disturbed. */
  readonly seeds: readonly number[];
  /** What is left out, or told with less certainty, and why: sentences. */
  readonly notes: readonly string[];
  readonly comparisons: readonly StackChange[];
}

/** One metric of one stack in both runs; the ratio is `after` over `before`. */
export interface StackChange
  extends Pick<
    Comparison,
    | 'metric'
    | 'ratio'
    | 'ratio_low'
    | 'ratio_high'
    | 'difference'
    | 'difference_low'
    | 'difference_high'
    | 'verdict'
  > {
  readonly stack: string;
  /** Means over the shared seeds. */
  readonly before: number | null;
  readonly after: number | null;
}

/**
 * Compares each stack with itself in another run: another commit, configuration, day or machine. Requests are paired as `compareStacks`
 * pairs them. Verdicts are corrected for all stacks and metrics together (Holm), so that two runs of which nothing differs are
 * called different in one of twenty at most.
 *
 * A measured run repeated is not the same run, and its requests do not tell by how much: between measured runs only seeds
 * do, and there is no verdict from a single one.
 *
 * Throws an `InputError` where the two did not serve the same requests, or in times that mean different things.
 */
export async function compareRuns(
  before: FinishedFolder,
  after: FinishedFolder,
  metrics: readonly ComparedMetricKey[],
): Promise<RunComparison> {
  requireComparable(before, after);
  const isMeasured = isMeasuredRun(before.manifest);
  const pairs = sharedCells(before, after);
  const stacks = [...new Set(pairs.map(({ policy }) => policy))];
  const seeds = [...new Set(pairs.map(({ seed }) => seed))];
  const judged = await judgeRuns(before, after, metrics);
  return {
    changes: changesBetween(before.manifest, after.manifest),
    stacks,
    seeds,
    notes: [...leftOut(before, after, stacks), ...(isMeasured ? measuredNotes(before, after, seeds) : [])],
    comparisons: withVerdicts(judged, () => 'all stacks and metrics').map(changeOf),
  };
}

/** The stacks of both runs, each against itself on these metrics, before any verdict. The two have to be comparable. */
async function judgeRuns(
  before: FinishedFolder,
  after: FinishedFolder,
  metrics: readonly ComparedMetricKey[],
): Promise<Judged[]> {
  const pairs = sharedCells(before, after);
  const judged: Judged[] = [];
  for (const stack of new Set(pairs.map(({ policy }) => policy))) {
    const ids = pairs.filter(({ policy }) => policy === stack).map(({ id }) => id);
    const cells = { before: await readCells(before, ids), after: await readCells(after, ids) };
    judged.push(...judgeStack(stack, cells, { metrics, isMeasured: isMeasuredRun(before.manifest) }));
  }
  return judged;
}

/** One stack's cells of two comparable runs against each other, paired by seed, before any verdict. */
export function judgeStack(
  stack: string,
  { before, after }: { readonly before: readonly ComparedCell[]; readonly after: readonly ComparedCell[] },
  { metrics, isMeasured }: { readonly metrics: readonly ComparedMetricKey[]; readonly isMeasured: boolean },
): Judged[] {
  const pairs = pairBySeed(after, before);
  if (pairs.length === 0) return [];
  return judgePairs({ policy: stack, baseline: stack }, pairs, { metrics, requestsTell: !isMeasured });
}

function changeOf({ policy, baseline: _policy, value, baseline_value, ...figures }: Comparison): StackChange {
  return { stack: policy, before: baseline_value, after: value, ...figures };
}

/** Reads the requests of some cells. Throws an `InputError` where the summary has no figures of one. */
export function readCells(
  { dir, manifest, summary }: FinishedFolder,
  ids: readonly string[],
): Promise<ComparedCell[]> {
  const figures = ids.map((id) => {
    const found = summary.cells.find((cell) => cell.id === id);
    if (found === undefined)
      throw new InputError({ source: dir, path: '', message: `has no figures of ${id}` });
    return found;
  });
  return readComparedCells(dir, figures, countedOf(manifest.config));
}

/** The cells of a stack that count: finished, and not disturbed. */
export function usableCells({ manifest }: FinishedFolder, stack: string): readonly string[] {
  return manifest.cells.filter((cell) => cell.policy === stack && counts(cell)).map(({ id }) => id);
}

/** Cells that both runs finished, without those that were disturbed in one of them. */
function sharedCells(before: FinishedFolder, after: FinishedFolder): Manifest['cells'] {
  const usable = new Set(after.manifest.cells.filter(counts).map(({ id }) => id));
  return before.manifest.cells.filter((cell) => counts(cell) && usable.has(cell.id));
}

function counts({ status, disturbed }: Manifest['cells'][number]): boolean {
  return status === 'done' && disturbed === undefined;
}

function requireComparable(before: FinishedFolder, after: FinishedFolder): void {
  const refused = (message: string, hint: string): InputIssue => {
    return { source: `${before.dir} and ${after.dir}`, path: '', message, hint };
  };
  const [first] = loadChanges(before.manifest, after.manifest);
  const issues = [
    ...(first === undefined
      ? []
      : [refused(`did not serve the same requests: ${describeChange(first)}`, 'run both on one load')]),
    ...timeProblems(before.manifest, after.manifest).map((message) =>
      refused(message, 'run both in one mode, with the default clock'),
    ),
  ];
  if (issues.length === 0 && sharedCells(before, after).length === 0) {
    issues.push(refused('have no finished cell in common', 'a cell is a stack, by name, and a seed'));
  }
  if (issues.length > 0) throw new InputError(issues);
}

/** In what the loads of two runs differ: where in nothing, a request of one is the same request in the other. */
export function loadChanges(before: Manifest, after: Manifest): readonly Difference[] {
  return differences(loadOf(before), loadOf(after));
}

/** What must be alike for a request of one run to be the same request in the other, judged alike. */
function loadOf({ config }: Manifest): Readonly<Record<string, unknown>> {
  const { workload, classes, steadyWindow } = config;
  const sources = Array.isArray(workload) ? workload.map(withoutPath) : workload;
  return { workload: sources, classes, steadyWindow };
}

/** A trace is told by its content, wherever it lies. */
function withoutPath(source: unknown): unknown {
  return typeof source === 'object' && source !== null && 'sha256' in source
    ? { ...source, file: undefined }
    : source;
}

/** Whether its steps were executed, at some time. */
export function isMeasuredRun({ backend }: Manifest): boolean {
  return backend.mode !== 'simulate';
}

/** Why times of the two runs do not mean the same. */
function timeProblems(before: Manifest, after: Manifest): readonly string[] {
  const modes = [before, after].map(isMeasuredRun);
  if (modes[0] !== modes[1]) return ['one was measured and the other simulated'];
  if (modes[0] !== true) return [];
  const kinds = [before.clock?.kind, after.clock?.kind];
  if (kinds[0] !== kinds[1]) {
    return [
      `one is in the time of the ${kinds[0] ?? 'device'}, the other in that of the ${kinds[1] ?? 'device'}`,
    ];
  }
  const machines = differences(machineOf(before), machineOf(after));
  if (kinds[0] === 'reference' || machines[0] === undefined) return [];
  return [`are in the time of the device that measured, which is another: ${describeChange(machines[0])}`];
}

function machineOf({ machine, backend }: Manifest): Readonly<Record<string, unknown>> {
  return { ...machine, device: backend.device };
}

/** Parts of a manifest that differ without making another experiment. */
const irrelevant = /^config\.(baseDir|name|thresholds|seeds|baseline|execution\.replayDir)(\.|$)/;

/** What the two runs differ in: configuration, code, plug-ins, machine. Stacks are matched by name. */
function changesBetween(before: Manifest, after: Manifest): readonly Difference[] {
  return differences(factsOf(before), factsOf(after)).filter(({ path }) => !irrelevant.test(path));
}

function factsOf({
  config,
  commit,
  versions,
  backend,
  machine,
  clock,
}: Manifest): Readonly<Record<string, unknown>> {
  return {
    config: { ...config, stacks: byName(config['stacks']) },
    commit,
    versions,
    backend,
    machine,
    clock: clock?.kind,
  };
}

function byName(stacks: unknown): unknown {
  if (!Array.isArray(stacks)) return stacks;
  return Object.fromEntries(stacks.map((stack: { readonly name: string }) => [stack.name, stack]));
}

export function describeChange({ path, was, is }: Difference): string {
  return `${path} ${showValue(was)} -> ${showValue(is)}`;
}

function leftOut(
  before: FinishedFolder,
  after: FinishedFolder,
  stacks: readonly string[],
): readonly string[] {
  const notes: string[] = [];
  for (const { dir, manifest } of [before, after]) {
    const others = manifest.stacks.map(({ name }) => name).filter((name) => !stacks.includes(name));
    if (others.length > 0) notes.push(`only in ${dir}, or finished only there: ${others.join(', ')}`);
    const disturbed = manifest.cells.filter((cell) => cell.disturbed !== undefined).map(({ id }) => id);
    if (disturbed.length > 0) notes.push(`disturbed in ${dir}, and left out: ${disturbed.join(', ')}`);
  }
  const shared = new Set(sharedCells(before, after).map(({ id }) => id));
  const single = [before, after].flatMap(({ manifest }) =>
    manifest.cells.filter(({ id, policy }) => stacks.includes(policy) && !shared.has(id)).map(({ id }) => id),
  );
  if (single.length > 0) notes.push(`not finished in both, and left out: ${[...new Set(single)].join(', ')}`);
  return notes;
}

function measuredNotes(
  { manifest: before }: FinishedFolder,
  { manifest: after }: FinishedFolder,
  seeds: readonly number[],
): readonly string[] {
  const notes: string[] = [];
  if (differences(machineOf(before), machineOf(after)).length > 0) {
    notes.push('measured on different machines: compared in reference time');
  }
  if (seeds.length < 2) {
    notes.push(
      'one measured seed does not tell how much a repetition differs: no verdicts (--repeats 3 gives some)',
    );
  }
  return notes;
}
