import type { LengthSummary, WorkloadDescription } from './describe.ts';

/**
 * Renders the description as lines for a terminal: tables, then one row per time bin with bars for arrivals
 * and resident KV.
 */
export function renderDescription(description: WorkloadDescription): string {
  return [
    ...renderFacts(description),
    '',
    ...renderLengths(description),
    '',
    ...renderSeries(description),
  ].join('\n');
}

function renderFacts(description: WorkloadDescription): string[] {
  const { chains, jobs, kv } = description;
  const estimated =
    description.numFollowers > 0 ? `, ${count(description.numFollowers)} follow an answer` : '';
  const facts: [string, string][] = [
    ['requests', `${count(description.numRequests)}${estimated}`],
    ['duration', `${decimal(description.durationS)} s`],
    ['mean rate', description.meanRate === undefined ? 'all at once' : `${decimal(description.meanRate)} /s`],
    [
      'inter-arrival CV',
      description.interArrivalCv === undefined ? '-' : decimal(description.interArrivalCv),
    ],
    ...description.peaks.map((peak): [string, string] => [
      `peak in ${peak.windowS} s`,
      `${count(peak.count)} requests, ${decimal(peak.toMean)} x mean`,
    ]),
    ...description.classes.map((entry): [string, string] => [
      `class ${entry.name}`,
      `${percent(entry.requestRatio)} of requests, ${percent(entry.outputTokensRatio)} of answer tokens`,
    ]),
  ];
  if (chains.count > 0) {
    const turns = `mean ${decimal(chains.meanTurns)}, longest ${count(chains.maxTurns)} turns`;
    facts.push(['chains', `${count(chains.count)} (${turns})`]);
  }
  if (jobs.count > 0) {
    const branches = `${decimal(jobs.meanNeeded)} of ${decimal(jobs.meanBranches)} branches needed`;
    facts.push(['jobs', `${count(jobs.count)} (${branches})`]);
  }
  facts.push(
    ['KV tokens', `mean ${count(kv.meanTokens)}, peak ${count(kv.peakTokens)} at ${decimal(kv.peakAtS)} s`],
    ['running at once', `mean ${decimal(kv.meanRunning)}, peak ${count(kv.peakRunning)}`],
    [
      '',
      `(KV and followers as if every request decoded at ${description.decodeTokensPerS} tokens/s at once)`,
    ],
  );
  return facts.map(([label, value]) => `${label.padEnd(18)}${value}`.trimEnd());
}

function renderLengths({ promptTokens, outputTokens }: WorkloadDescription): string[] {
  return [
    lengthRow('tokens', ['mean', 'p50', 'p90', 'p99', 'max', 'total']),
    lengthRow('prompt', lengthCells(promptTokens)),
    lengthRow('answer', lengthCells(outputTokens)),
  ];
}

function lengthRow(label: string, cells: readonly string[]): string {
  return label.padEnd(14) + cells.map((cell) => cell.padStart(14)).join('');
}

function lengthCells({ mean, p50, p90, p99, max, total }: LengthSummary): string[] {
  return [mean, p50, p90, p99, max, total].map(count);
}

const maxLines = 24;
const barWidth = 28;

function renderSeries({ series }: WorkloadDescription): string[] {
  const binsPerLine = Math.ceil(series.startS.length / maxLines);
  const lines = chunk(series.startS, binsPerLine).map((startsS, index) => ({
    startS: startsS[0] ?? 0,
    arrivals: sum(chunk(series.arrivals, binsPerLine)[index]),
    kvTokens: Math.max(...(chunk(series.kvTokens, binsPerLine)[index] ?? [0])),
  }));
  const mostArrivals = Math.max(...lines.map(({ arrivals }) => arrivals));
  const mostTokens = Math.max(...lines.map(({ kvTokens }) => kvTokens));
  const column = barWidth + 10;
  const title = `arrivals in ${decimal(series.binS * binsPerLine)} s`;
  return [
    `${'from (s)'.padStart(10)}  ${title.padEnd(column)}  KV tokens`,
    ...lines.map(({ startS, arrivals, kvTokens }) => {
      const left = `${bar(arrivals, mostArrivals)} ${count(arrivals)}`.padEnd(column);
      return `${decimal(startS).padStart(10)}  ${left}  ${bar(kvTokens, mostTokens)} ${count(kvTokens)}`;
    }),
  ];
}

/** Draws a bar proportional to `value`; a value above 0 has at least one mark. */
function bar(value: number, most: number): string {
  if (most === 0 || value === 0) return '';
  return '█'.repeat(Math.max(1, Math.round((value / most) * barWidth)));
}

function chunk(values: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  );
}

function sum(values: readonly number[] = []): number {
  return values.reduce((a, b) => a + b, 0);
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/**
 * Formats a number with three significant digits; from 100 on, as a whole number with thousands separators.
 */
function decimal(value: number): string {
  return Math.abs(value) >= 100 ? count(value) : String(Number(value.toPrecision(3)));
}

function percent(ratio: number): string {
  return `${decimal(ratio * 100)} %`;
}
