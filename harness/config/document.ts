import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair, YAMLError } from 'yaml';
import type { InputIssue } from '../base/errors.ts';

export type Path = readonly (string | number)[];

interface Position {
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML (or JSON) text with the position of every value. */
export interface ConfigDocument {
  /** File name as shown in issues. */
  readonly source: string;
  readonly value: unknown;
  /**
   * Returns the position of the value at `path`, or of its key. If there is no such value, the position of
   * the nearest enclosing one.
   */
  locate(path: Path, part: 'key' | 'value'): Position;
}

/** Parses one YAML document. All syntax errors and duplicate keys are in `issues`. */
export function parseConfigDocument(
  text: string,
  source: string,
): { readonly document: ConfigDocument; readonly issues: readonly InputIssue[] } {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const issues = parsed.errors.map((error) => syntaxIssue(error, { source, text, lines }));
  const locate = (path: Path, part: 'key' | 'value') => toPosition(lines, offsetOf(parsed, path, part));
  return { document: { source, value: issues.length === 0 ? parsed.toJS() : undefined, locate }, issues };
}

interface SyntaxContext {
  readonly source: string;
  readonly text: string;
  readonly lines: LineCounter;
}

function syntaxIssue(error: YAMLError, { source, text, lines }: SyntaxContext): InputIssue {
  const isDuplicate = error.code === 'DUPLICATE_KEY';
  const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? '';
  const message = isDuplicate
    ? `the key "${key}" stands twice in one mapping`
    : `not valid YAML: ${error.message}`;
  return { source, path: '', ...toPosition(lines, error.pos[0]), message };
}

function toPosition(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function offsetOf(document: Document.Parsed, path: Path, part: 'key' | 'value'): number {
  let node: Node | null | undefined = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, segment] of path.entries()) {
    const child = childOf(resolveAlias(node, document), segment);
    if (child === undefined) break;
    const isLast = depth === path.length - 1;
    node = child.value;
    const at = isLast && part === 'key' ? child.key : node;
    offset = startOf(at) ?? startOf(child.key) ?? offset;
  }
  return offset;
}

interface Child {
  readonly key: Node | null | undefined;
  readonly value: Node | null | undefined;
}

function childOf(node: Node | null | undefined, segment: string | number): Child | undefined {
  if (isMap<Node, Node>(node)) {
    const pair: Pair<Node, Node> | undefined = node.items.find(
      (item) => keyText(item.key) === String(segment),
    );
    return pair && { key: pair.key, value: pair.value };
  }
  if (!isSeq<Node>(node)) return undefined;
  const item = node.items[Number(segment)];
  return item && { key: item, value: item };
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function resolveAlias(node: Node | null | undefined, document: Document): Node | null | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
