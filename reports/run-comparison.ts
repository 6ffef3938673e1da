import { describeChange, type RunComparison, type StackChange } from '../harness/metrics/compare-runs.ts';
import type { FinishedFolder } from '../harness/metrics/read-finished.ts';
import { formatInterval, formatMetric, formatNumber, formatRatio, plural, undefinedMark } from './format.ts';
import type { MetricDefinitions } from './load.ts';
import { aligned } from './table.ts';
import { headlineMetrics } from './verdict.ts';

interface ComparedFolders {
  readonly before: FinishedFolder;
  readonly after: FinishedFolder;
  readonly compared: RunComparison;
  readonly definitions: MetricDefinitions;
}

/** As many changes are shown; all of them are in the JSON. */
const mostChanges = 12;

/** Two runs beside each other as plain text: what they are, what they differ in, and what follows. */
export function runComparisonText({ before, after, compared, definitions }: ComparedFolders): string {
  const { changes, stacks, seeds, notes } = compared;
  const shown = changes.slice(0, mostChanges).map((change) => `  ${clipped(describeChange(change))}`);
  const more = changes.length - shown.length;
  if (more > 0) shown.push(`  and ${plural(more, 'more change')} (--format json has all)`);
  return [
    `before  ${describeRun(before)}`,
    `after   ${describeRun(after)}`,
    changes.length === 0 ? 'They differ in nothing but the day.' : 'Changed:',
    ...shown,
    `Paired: ${plural(stacks.length, 'stack')}, ${plural(seeds.length, 'seed')} (${seeds.join(', ')}).`,
    ...notes.map((note) => `! ${note}`),
    '',
    ...ratioTable(compared, definitions),
    '',
    ...sureLines(compared, definitions),
  ].join('\n');
}

function describeRun({ dir, manifest }: FinishedFolder): string {
  const { name, created_at: createdAt, commit, backend } = manifest;
  const at = commit === null ? '' : `, commit ${commit.slice(0, 10)}`;
  return `${dir} (${name}, ${createdAt.slice(0, 10)}${at}, ${backend.name})`;
}

const longestChange = 110;

function clipped(text: string): string {
  return text.length <= longestChange ? text : `${text.slice(0, longestChange - 1)}…`;
}

/** After over before for the metrics that a reader looks at first; `+` is surely better, `!` surely worse. */
function ratioTable(
  { comparisons, stacks }: RunComparison,
  definitions: MetricDefinitions,
): readonly string[] {
  const present = new Set(comparisons.map(({ metric }) => metric));
  const columns = headlineMetrics.filter((metric) => present.has(metric));
  if (columns.length === 0) return [];
  const cellOf = (stack: string, metric: string): string => {
    const found = comparisons.find((one) => one.stack === stack && one.metric === metric);
    return found === undefined ? undefinedMark : `${ratioOf(found)}${marks[found.verdict]}`;
  };
  return aligned(
    [
      ['after / before', ...columns.map((metric) => definitions[metric]?.label ?? metric)],
      ...stacks.map((stack) => [stack, ...columns.map((metric) => cellOf(stack, metric))]),
    ],
    [0],
  );
}

const marks = { better: ' +', worse: ' !', 'cannot tell': '  ' } as const;

function ratioOf({ ratio, difference }: StackChange): string {
  if (ratio !== null) return formatRatio(ratio);
  return difference === undefined || difference === null ? undefinedMark : signed(difference);
}

/** Every sure difference, and how many there are of each kind. */
function sureLines({ comparisons }: RunComparison, definitions: MetricDefinitions): readonly string[] {
  const sure = comparisons.filter(({ verdict }) => verdict !== 'cannot tell');
  const numWorse = sure.filter(({ verdict }) => verdict === 'worse').length;
  const numAlike = comparisons.filter(isAlike).length;
  const total =
    `${plural(comparisons.length, 'comparison')}: ${numWorse} worse, ${sure.length - numWorse} better, ` +
    `${comparisons.length - sure.length} cannot tell (${numAlike} of them equal). Corrected for all of them together.`;
  const lines = sure.map((one) => {
    const { metric, stack, before, after, verdict } = one;
    const definition = definitions[metric];
    const figures = [before, after].map((figure) =>
      definition === undefined ? formatNumber(figure) : formatMetric(figure, definition.unit),
    );
    return [stack, definition?.label ?? metric, figures.join(' -> '), extent(one), verdict];
  });
  return lines.length === 0 ? [total] : [...aligned(lines, [0, 1, 4]), total];
}

function extent({ ratio, ratio_low, ratio_high, difference, ...ends }: StackChange): string {
  if (ratio !== null) return `${formatRatio(ratio)} (95 %: ${formatInterval(ratio_low, ratio_high)})`;
  if (difference === undefined || difference === null) return 'one of them without end';
  return `${signed(difference)} (95 %: ${formatInterval(ends.difference_low ?? null, ends.difference_high ?? null)})`;
}

function signed(difference: number): string {
  return `${difference > 0 ? '+' : ''}${formatNumber(difference)}`;
}

function isAlike({ before, after, ratio_low: low, ratio_high: high }: StackChange): boolean {
  return before === after && (low === null || low === 1) && (high === null || high === 1);
}
