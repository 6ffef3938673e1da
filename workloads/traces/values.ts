import { maxTokens } from '../../harness/base/bounds.ts';

/** A field's value, or why it is none. */
export type Parsed = { readonly value: number } | { readonly reason: string };

/**
 * Reads the tokens of a row: a positive whole number, also in float format (`472.0`). Zero is how BurstGPT marks a failed
 * request, so it is told apart from nonsense.
 */
export function parseTokens(field: unknown, column: string): Parsed {
  const value = toNumber(field);
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) {
    return { reason: `${column} ${quote(field)} is not a number of tokens` };
  }
  if (value > maxTokens) return { reason: `${column} ${quote(field)} is above ${maxTokens}` };
  return value === 0 ? { reason: `${column} is 0: a failed or empty request` } : { value };
}

export const timeUnits = ['s', 'ms', 'us', '100ns', 'ns', 'datetime'] as const;

type TimeUnit = (typeof timeUnits)[number];

const usPerUnit = { s: 1_000_000, ms: 1000, us: 1, '100ns': 0.1, ns: 0.001 } as const;

/** Reads the time of a row in microseconds, as a float: since 1970 for dates, since the file's own zero for numbers. */
export function parseTime(field: unknown, unit: TimeUnit, column: string): Parsed {
  const value = unit === 'datetime' ? parseDateTime(field) : parseTimeNumber(field, unit);
  if (value !== undefined && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { value };
  const expected = unit === 'datetime' ? 'a date and time' : `a number of ${unit}`;
  return { reason: `${column} ${quote(field)} is not ${expected}` };
}

function parseTimeNumber(field: unknown, unit: keyof typeof usPerUnit): number | undefined {
  if (typeof field === 'string' && /^-?\d{16,}$/u.test(field.trim())) {
    // Epoch nanoseconds have more digits than a double: divide while they are whole.
    if (unit === 'ns') return Number(BigInt(field) / 1000n);
    if (unit === '100ns') return Number(BigInt(field) / 10n);
  }
  const value = toNumber(field);
  return value === undefined ? undefined : value * usPerUnit[unit];
}

const dateTimePattern =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(?:Z|([+-])(\d\d):?(\d\d))?$/u;

/**
 * `YYYY-MM-DD hh:mm:ss`, with a space or `T`, up to nine fraction digits, and `Z`, an offset or nothing (taken as
 * UTC) behind. `Date.parse` would round to milliseconds and read zoneless times in the machine's zone.
 */
function parseDateTime(field: unknown): number | undefined {
  if (typeof field !== 'string') return undefined;
  const match = dateTimePattern.exec(field.trim());
  if (match === null) return undefined;
  const utcMs = calendarMs(match.slice(1, 7).map(Number));
  if (utcMs === undefined) return undefined;
  const [fraction = '', sign, hours = '0', minutes = '0'] = match.slice(7);
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return (utcMs - offsetMs) * 1000 + Number(`0.${fraction}0`) * 1_000_000;
}

/** Returns milliseconds since 1970, or `undefined` for a day or hour that does not exist, which `Date.UTC` rolls over. */
function calendarMs(parts: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const utcMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(utcMs);
  const actual = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return actual.every((value, index) => value === parts[index]) ? utcMs : undefined;
}

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u;

function toNumber(field: unknown): number | undefined {
  if (typeof field === 'number') return Number.isFinite(field) ? field : undefined;
  if (typeof field !== 'string' || !numberPattern.test(field.trim())) return undefined;
  const value = Number(field);
  return Number.isFinite(value) ? value : undefined;
}

function quote(field: unknown): string {
  if (field === undefined || field === '') return '(missing)';
  const text = typeof field === 'string' ? field : JSON.stringify(field);
  return `"${text.length > 40 ? `${text.slice(0, 40)}...` : text}"`;
}
