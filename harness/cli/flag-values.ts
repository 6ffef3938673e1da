import type { InputIssue } from '../base/errors.ts';

/** What yargs knows of the flags of the commands that it has parsed so far. */
export interface KnownOptions {
  /** Names of the flags that take a list. */
  readonly array: readonly string[];
  /** Names of the flags that take no value. */
  readonly boolean: readonly string[];
  /** All flags. */
  readonly key: Readonly<Record<string, unknown>>;
}

/**
 * Returns what is wrong with the values of flags, by the words as they were typed: yargs takes a flag at the end, one before another flag and
 * `-` for the empty text, 0 or the default.
 */
export function flagValueIssues(argv: readonly string[], options: KnownOptions): InputIssue[] {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  return words.flatMap((word, index) => {
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined || !Object.hasOwn(options.key, name)) return [];
    if (options.boolean.includes(name)) return booleanIssues(name, given);
    const value = given ?? words[index + 1];
    if (value !== undefined && value !== '' && value !== '-' && !(given === undefined && isFlag(value)))
      return [];
    return [
      { source: `--${name}`, path: '', message: `needs a value${value === '-' ? ', and "-" is none' : ''}` },
    ];
  });
}

function booleanIssues(name: string, given: string | undefined): InputIssue[] {
  if (given === undefined || given === 'true' || given === 'false') return [];
  return [{ source: `--${name}`, path: '', message: `takes no value, got "${given}"` }];
}

/** A negative number is a value. */
function isFlag(word: string): boolean {
  return word.startsWith('-') && Number.isNaN(Number(word));
}
