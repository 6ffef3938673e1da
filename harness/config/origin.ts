import type { InputIssue } from '../base/errors.ts';
import type { ConfigDocument, Path } from './document.ts';
import type { Override } from './overrides.ts';

/** Knows where each value came from, by its path: a position in the file, or the flag that set it. */
export interface Origin {
  issue(path: Path, details: IssueDetails): InputIssue;
}

export interface IssueDetails {
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether the issue is about the key or about its value (the default). */
  readonly part?: 'key' | 'value';
}

export function createOrigin(document: ConfigDocument, overrides: readonly Override[] = []): Origin {
  return {
    issue(path, { message, hint, part = 'value' }) {
      const override = overrides.findLast((candidate) => isPrefix(candidate.path, path));
      const position = override === undefined ? document.locate(path, part) : undefined;
      return {
        source: override?.source ?? document.source,
        path: path.join('.'),
        ...position,
        message,
        ...(hint !== undefined && { hint }),
      };
    },
  };
}

/** Override paths are parsed from text, so list positions in them are strings of digits and not numbers. */
function isPrefix(prefix: Path, path: Path): boolean {
  return (
    prefix.length <= path.length && prefix.every((segment, index) => String(segment) === String(path[index]))
  );
}
