import type { InputIssue } from '../base/errors.ts';
import type { ConfigDocument, Path } from './document.ts';
import type { Override } from './overrides.ts';

/** Knows for every path of a value where it came from: a place in the file, or the flag that set it. */
export interface Origin {
  issue(path: Path, details: IssueDetails): InputIssue;
}

export interface IssueDetails {
  readonly message: string;
  readonly hint?: string | undefined;
  /** Point at the key rather than at its value. */
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

/** Override paths come from a text, so list positions in them are digits rather than numbers. */
function isPrefix(prefix: Path, path: Path): boolean {
  return (
    prefix.length <= path.length && prefix.every((segment, index) => String(segment) === String(path[index]))
  );
}
