import { type Document, isAlias, isCollection, isPair, isScalar, visit } from 'yaml';
import type { Alias, Node } from 'yaml';

/** Most values that a document may have, counting what an alias repeats each time. */
const maxValues = 1_000_000;

/** Deepest nesting of lists and mappings; no configuration needs a tenth of it. */
const maxDepth = 100;

export interface YamlProblem {
  readonly message: string;
  /** Where in the text, in characters from its start. */
  readonly offset: number;
}

/**
 * Returns the plain value of a parsed document, or why it has none: an alias without anchor or inside of its own, more
 * values than `maxValues` once the aliases are written out, or deeper nesting than `maxDepth`. Nothing is expanded
 * before that is known.
 */
export function valueOf(document: Document): { readonly value: unknown } | { readonly problem: YamlProblem } {
  const problem = new Measure(document).problem();
  // What the library counts itself, it counts without a place; the measure above is stricter where it matters.
  return problem === undefined ? { value: document.toJS({ maxAliasCount: -1 }) } : { problem };
}

/** Thrown inside of the walk alone. */
class Found extends Error {
  readonly problem: YamlProblem;

  constructor(problem: YamlProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Counts the values of a document with its aliases written out, each anchor once. */
class Measure {
  readonly #document: Document;
  readonly #sizes = new Map<Node, number>();
  readonly #open = new Set<Node>();
  /** The node that each alias stands for, as the last anchor of that name before it. */
  readonly #targets = new Map<Alias, Node>();

  constructor(document: Document) {
    this.#document = document;
  }

  problem(): YamlProblem | undefined {
    try {
      this.#findTargets();
      this.#sizeOf(this.#document.contents, 0);
      return undefined;
    } catch (error) {
      if (error instanceof Found) return error.problem;
      throw error;
    }
  }

  #findTargets(): void {
    const anchors = new Map<string, Node>();
    visit(this.#document, {
      Node: (_, node) => {
        if (isAlias(node)) {
          const target = anchors.get(node.source);
          if (target === undefined) {
            throw found(node, `there is no anchor "&${node.source}" before the alias "*${node.source}"`);
          }
          this.#targets.set(node, target);
        } else if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) {
          anchors.set(node.anchor, node);
        }
      },
    });
  }

  #sizeOf(node: unknown, depth: number): number {
    if (isPair(node)) return this.#sizeOf(node.key, depth) + this.#sizeOf(node.value, depth);
    if (isAlias(node)) return this.#sizeOfAlias(node, depth);
    if (!isCollection(node)) return 1;
    const known = this.#sizes.get(node);
    if (known !== undefined) return known;
    if (depth >= maxDepth) throw found(node, `lists and mappings may be nested ${maxDepth} deep`);
    this.#open.add(node);
    let size = 1;
    for (const item of node.items) {
      size += this.#sizeOf(item, depth + 1);
      if (size > maxValues) throw tooMany(isPair(item) ? item.value : item, node);
    }
    this.#open.delete(node);
    this.#sizes.set(node, size);
    return size;
  }

  #sizeOfAlias(alias: Alias, depth: number): number {
    const target = this.#targets.get(alias);
    if (target !== undefined && this.#open.has(target)) {
      throw found(alias, `the alias "*${alias.source}" stands inside of what it stands for`);
    }
    return this.#sizeOf(target, depth);
  }
}

function tooMany(item: unknown, parent: Node): Found {
  const node = isAlias(item) || isScalar(item) || isCollection(item) ? item : parent;
  return found(node, `with its aliases written out the document has more than ${maxValues} values`);
}

function found(node: Node, message: string): Found {
  return new Found({ message, offset: node.range?.[0] ?? 0 });
}
