import type { Figures } from './outcomes.ts';

/** One case as both have served it. */
export interface CaseResult {
  readonly name: string;
  readonly numRequests: number;
  readonly numPreemptions: number;
  readonly prefillRatio: number;
  /** Requests whose first and last tokens came within a millisecond of each other on both sides. */
  readonly numSame: number;
  readonly ours: Figures;
  readonly theirs: Figures;
}

/** How far a figure may be from the peer's. */
const tolerance = 0.02;

const figures: readonly { readonly key: keyof Figures; readonly label: string }[] = [
  { key: 'ttftMeanMs', label: 'TTFT mean, ms' },
  { key: 'ttftP99Ms', label: 'TTFT P99, ms' },
  { key: 'tpotMeanMs', label: 'TPOT mean, ms' },
  { key: 'tokensPerSecond', label: 'tokens/s' },
];

/** Ours over theirs is within the tolerance; a figure that is no number is not. */
function agrees({ ours, theirs }: CaseResult, key: keyof Figures): boolean {
  return Math.abs(ours[key] / theirs[key] - 1) <= tolerance;
}

export function hasPassed(results: readonly CaseResult[]): boolean {
  return results.every((result) => figures.every(({ key }) => agrees(result, key)));
}

/** Per case a line of what it is, then one line per figure: ours, theirs, ratio. */
export function formatReport(results: readonly CaseResult[], peer: string): string {
  const heading = [
    'Step times are the same on both sides and follow Dynamo: prefill and decode of a step add up, and tokens that a',
    'preempted request had generated are computed again at no charge. What is compared is scheduling.',
    '',
    row('', ['servebench', peer, 'ratio']),
  ];
  const lines = results.flatMap((result) => [
    '',
    `${result.name}: ${describe(result)}`,
    ...figures.map(({ key, label }) => {
      const { [key]: ours } = result.ours;
      const { [key]: theirs } = result.theirs;
      const ratio = (ours / theirs).toFixed(4);
      return row(label, [
        ours.toFixed(2),
        theirs.toFixed(2),
        agrees(result, key) ? ratio : `${ratio} <- off`,
      ]);
    }),
  ]);
  const verdict = hasPassed(results) ? 'All figures agree' : 'NOT all figures agree';
  return [...heading, ...lines, '', `${verdict} within ${100 * tolerance} %.`].join('\n');
}

function describe({ numRequests, numPreemptions, prefillRatio, numSame }: CaseResult): string {
  const prefill = `${Math.round(100 * prefillRatio)} % of the time is prefill`;
  return `${prefill}, ${numPreemptions} preemptions, ${numSame} of ${numRequests} requests the same to 1 ms`;
}

function row(label: string, columns: readonly string[]): string {
  return `  ${label.padEnd(16)}${columns.map((text) => text.padStart(18)).join('')}`;
}
