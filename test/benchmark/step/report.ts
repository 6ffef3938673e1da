import { usPerMs } from '../../../harness/base/units.ts';
import type { StepCase } from './cases.ts';
import { ratioSpread, type SideTimes, type Spread, spread } from './duel.ts';

/** One case as measured; the first side is ours, the others are its rivals. */
export interface CaseResult {
  readonly stepCase: StepCase;
  readonly sides: readonly SideTimes[];
}

/** What a reader needs to judge the figures. */
export interface RunInfo {
  readonly descriptions: Readonly<Record<string, string>>;
  readonly machine: string;
  readonly numRounds: number;
  /** One-minute load average: before the start, when it should be near 0, and at the end. */
  readonly load: { readonly before: number; readonly after: number };
}

interface Comparison {
  readonly rival: SideTimes;
  /** Our time over the rival's. */
  readonly ratio: Spread;
  /** Set against the first rival alone, which keeps KV as precisely as we do. */
  readonly goalRatio: number | undefined;
  /** Sequences for which both chose the same next token, as the same weights should make them. */
  readonly numSameTokens: number;
}

const quietLoad = 0.5;

export function formatReport(results: readonly CaseResult[], info: RunInfo): string {
  const { machine, numRounds, load } = info;
  const lines = [`Step benchmark on ${machine}; load ${load.before} before, ${load.after} after.`];
  for (const [name, description] of Object.entries(info.descriptions))
    lines.push(`  ${name}: ${description}`);
  lines.push('', `Milliseconds per step: median of ${numRounds} rounds (least - most).`);
  lines.push(row(['case', 'side', 'ms', 'ours / theirs', 'goal', 'same tokens', 'settings']));
  for (const result of results) lines.push(...caseRows(result));
  for (const warning of warningsOf(results, info)) lines.push(`warning: ${warning}`);
  return lines.join('\n');
}

/** The same figures for programs, on one line; times in microseconds. */
export function jsonReport(results: readonly CaseResult[], info: RunInfo): string {
  const cases = results.map((result) => ({
    name: result.stepCase.name,
    sides: result.sides.map(({ name, settings, roundUs }) => ({
      name,
      settings,
      stepUs: rounded(spread(roundUs), 1),
    })),
    comparisons: comparisons(result).map(({ rival, ratio, goalRatio, numSameTokens }) => ({
      rival: rival.name,
      ratio: rounded(ratio, 4),
      goalRatio,
      numSameTokens,
    })),
  }));
  const warnings = warningsOf(results, info);
  return JSON.stringify({ schemaVersion: 1, benchmark: 'step', ...info, warnings, cases });
}

function comparisons({ stepCase, sides }: CaseResult): Comparison[] {
  const [ours, ...rivals] = sides;
  if (ours === undefined) return [];
  return rivals.map((rival, index) => ({
    rival,
    ratio: ratioSpread(ours, rival),
    goalRatio: index === 0 ? stepCase.goalRatio : undefined,
    numSameTokens: ours.tokens.filter((token, sequence) => token === rival.tokens[sequence]).length,
  }));
}

function caseRows(result: CaseResult): string[] {
  const { stepCase, sides } = result;
  const ours = sides.slice(0, 1).map((side) => row([stepCase.name, side.name, milliseconds(side)]));
  const theirs = comparisons(result).map(({ rival, ratio, goalRatio, numSameTokens }) =>
    row([
      '',
      rival.name,
      milliseconds(rival),
      spreadText(ratio, 1),
      goalRatio === undefined ? '' : `${goalRatio} ${ratio.median <= goalRatio ? 'met' : 'missed'}`,
      `${numSameTokens} of ${stepCase.numSequences}`,
      rival.settings,
    ]),
  );
  return [...ours, ...theirs];
}

function warningsOf(results: readonly CaseResult[], { load }: RunInfo): string[] {
  const warnings: string[] = [];
  if (load.before > quietLoad) {
    warnings.push(`the machine was busy before the start (load ${load.before}): run again when it is quiet`);
  }
  for (const result of results) {
    for (const { rival, numSameTokens } of comparisons(result)) {
      if (numSameTokens === result.stepCase.numSequences) continue;
      warnings.push(`${result.stepCase.name}: ${rival.name} chose other tokens than we did`);
    }
  }
  return warnings;
}

function milliseconds(side: SideTimes): string {
  return spreadText(spread(side.roundUs), usPerMs);
}

function spreadText({ median, min, max }: Spread, divisor: number): string {
  const text = (value: number): string => (value / divisor).toFixed(2);
  return `${text(median)} (${text(min)} - ${text(max)})`;
}

function rounded({ median, min, max }: Spread, digits: number): Spread {
  const round = (value: number): number => Number(value.toFixed(digits));
  return { median: round(median), min: round(min), max: round(max) };
}

const columnWidths = [14, 13, 25, 18, 10, 11, 0];

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(columnWidths[index] ?? 0))
    .join('  ')
    .trimEnd();
}
