import type { InputIssue } from '../base/errors.ts';
import { parseYaml } from '../config/document.ts';
import { valueOf } from '../config/yaml-value.ts';

/** One setting of a configuration, with the values that a sweep gives it in turn. */
export interface Axis {
  /** As in `--set`. */
  readonly path: string;
  readonly values: readonly unknown[];
}

/** `0.5..0.9:5` and `1..100:log3`. */
const range = /^\s*([-+.\deE]+)\.\.([-+.\deE]+):(log)?(\d+)\s*$/;

const mostValues = 1000;

/**
 * Parses `PATH=0.5,0.7,0.9` (values in YAML), `PATH=0.5..0.9:5` (so many values at equal distances, both ends included) or
 * `PATH=1..100:log3` (at equal ratios). Returns an issue where the text is none of these.
 */
export function parseAxis(text: string): Axis | InputIssue {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(equals, 0)).trim();
  const issue = (message: string): InputIssue => {
    return {
      source: `--over ${text}`,
      path,
      message,
      hint: 'such as --over policies.mine.hpa.params.syncS=0.1,0.2',
    };
  };
  if (path === '') return issue('expected a path and its values');
  const found = range.exec(text.slice(equals + 1));
  const values = found === null ? listed(text.slice(equals + 1)) : spread(found);
  if (typeof values === 'string') return issue(values);
  const texts = values.map((value) => JSON.stringify(value));
  const twice = texts.find((value, index) => texts.indexOf(value) !== index);
  if (twice !== undefined) return issue(`the value ${twice} is given twice`);
  return { path, values };
}

/** The values of a list, or what is wrong with it. */
function listed(text: string): readonly unknown[] | string {
  const document = parseYaml(`[${text}]`);
  if (document === undefined || document.errors.length > 0) return 'the values are not valid YAML';
  const read = valueOf(document);
  if ('problem' in read) return read.problem.message;
  const values = read.value;
  if (!Array.isArray(values) || values.length === 0) return 'there are no values';
  if (values.length > mostValues) return `there are ${values.length} values, at most ${mostValues}`;
  return values as readonly unknown[];
}

function spread([, from = '', to = '', log, number = '']: RegExpExecArray): readonly number[] | string {
  const [low, high, count] = [Number(from), Number(to), Number(number)];
  if (!Number.isFinite(low) || !Number.isFinite(high)) return 'the ends of a range are numbers';
  if (count < 2 || count > mostValues) return `a range has 2 to ${mostValues} values`;
  if (log !== undefined && (low <= 0 || high <= 0)) return 'the ends of a range at equal ratios are above 0';
  return Array.from({ length: count }, (_, index) => {
    const share = index / (count - 1);
    return tidy(log === undefined ? low + (high - low) * share : low * (high / low) ** share);
  });
}

/** Six digits: 0.1 and 0.3 have 0.2 between them. */
function tidy(value: number): number {
  return Number(value.toPrecision(6));
}
