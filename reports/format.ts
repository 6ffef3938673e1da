import { format } from 'd3-format';
import { formatBytes } from '../harness/base/units.ts';
import type { Unit } from '../harness/metrics/metric.ts';

/** What stands where a number is undefined. */
export const undefinedMark = '–';

const whole = format(',d');
const threeDigits = format('.3r');

/** Three significant digits, thousands grouped: `0.0123`, `4.56`, `1,230`; whole numbers as they are. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return undefinedMark;
  if (value === 0) return '0';
  return Number.isInteger(value) ? whole(value) : significant(value);
}

function significant(value: number): string {
  return Math.abs(value) >= 100 ? whole(value) : threeDigits(value);
}

export function formatPercent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return undefinedMark;
  const percent = ratio * 100;
  return `${percent >= 99.95 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** `0.42×`. */
export function formatRatio(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return undefinedMark;
  return `${ratio === 0 ? '0' : significant(ratio)}×`;
}

/** Ends of an interval; an open end is `null`. */
export function formatInterval(low: number | null, high: number | null): string {
  return `${low === null ? '−∞' : formatEnd(low)} to ${high === null ? '∞' : formatEnd(high)}`;
}

function formatEnd(value: number): string {
  return value === 0 ? '0' : significant(value);
}

/** A metric's value by its unit. */
export function formatMetric(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return undefinedMark;
  switch (unit) {
    case 'ratio':
      return formatPercent(value);
    case 'bytes':
      return formatBytes(value);
    case 'count':
    case 'requests':
    case 'tokens':
      return Number.isInteger(value) ? whole(value) : formatNumber(value);
    default:
      return `${formatNumber(value)} ${unit}`;
  }
}

export interface Scored {
  readonly text: string;
  readonly score: number;
}

/** All of a few; of many only those with the least and the greatest score. */
export function listOrExtremes(items: readonly Scored[]): string {
  if (items.length <= 3) return joinWords(items.map((item) => item.text));
  const ordered = items.toSorted((a, b) => a.score - b.score);
  return `from ${ordered[0]?.text ?? ''} to ${ordered.at(-1)?.text ?? ''}`;
}

/** `a, b and c`. */
export function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

export function plural(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
}
