import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair, YAMLError } from 'yaml';
import type { InputIssue } from '../base/errors.ts';
import { valueOf } from './yaml-value.ts';

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

interface ParsedDocument {
  readonly document: ConfigDocument;
  readonly issues: readonly InputIssue[];
}

/** Parses one YAML document. All syntax errors and duplicate keys are in `issues`, and what aliases make impossible. */
export function parseConfigDocument(text: string, source: string): ParsedDocument {
  const lines = new LineCounter();
  const parsed = parseYaml(text, lines);
  if (parsed === undefined) return tooDeep(source);
  const locate = (path: Path, part: 'key' | 'value') => toPosition(lines, offsetOf(parsed, path, part));
  const syntax = parsed.errors.map((error) => syntaxIssue(error, { source, text, lines }));
  if (syntax.length > 0) return { document: { source, value: undefined, locate }, issues: syntax };
  const result = valueOf(parsed);
  if ('value' in result) return { document: { source, value: result.value, locate }, issues: [] };
  const { message, offset } = result.problem;
  const issue = { source, path: '', ...toPosition(lines, offset), message };
  return { document: { source, value: undefined, locate }, issues: [issue] };
}

/** Parses a text; `undefined` where it is nested so deep that the library's recursion fails. */
export function parseYaml(text: string, lineCounter = new LineCounter()): Document.Parsed | undefined {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export const tooDeepMessage = 'lists or mappings are nested too deep to be read';

function tooDeep(source: string): ParsedDocument {
  const position = { line: 1, column: 1 };
  const document = { source, value: undefined, locate: () => position };
  return { document, issues: [{ source, path: '', ...position, message: tooDeepMessage }] };
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
