import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What each node imports. */
export type ImportGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** The project's own imports, those of types and dynamic ones included, by file, relative to the repository. */
export function readImports(folders: readonly string[]): ImportGraph {
  const graph = new Map<string, Set<string>>();
  for (const file of folders.flatMap(filesIn)) {
    const text = readFileSync(file, 'utf8');
    const imported = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)];
    graph.set(file, new Set(imported.map(([, path]) => join(dirname(file), path!))));
  }
  return graph;
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}

/** The same between groups of files; `nameOf` says which a file belongs to. */
export function between(graph: ImportGraph, nameOf: (file: string) => string): ImportGraph {
  const groups = new Map<string, Set<string>>();
  for (const [file, imported] of graph) {
    const name = nameOf(file);
    const names = groups.get(name) ?? new Set<string>();
    for (const other of imported) if (nameOf(other) !== name) names.add(nameOf(other));
    groups.set(name, names);
  }
  return groups;
}

/** `harness/core/state/group.ts` is of `harness/core`, `policies/swap/swap.ts` of `policies`. */
export function folderOf(file: string): string {
  const [first, second] = file.split('/');
  return first === 'harness' ? `${first}/${second}` : first!;
}

/** Nodes that import each other, directly or by way of others, in groups; what is in none of them is in no circle. */
export function circlesOf(graph: ImportGraph): string[][] {
  const reached = new Map([...graph.keys()].map((node) => [node, reachableFrom(graph, node)]));
  const circles = new Set<string>();
  for (const [node, others] of reached) {
    const circle = [...others].filter((other) => reached.get(other)?.has(node) === true);
    if (circle.length > 0) circles.add(JSON.stringify([...new Set([node, ...circle])].toSorted()));
  }
  return [...circles].map((circle): string[] => JSON.parse(circle));
}

function reachableFrom(graph: ImportGraph, start: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [start];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const next of graph.get(node) ?? []) {
      if (reached.has(next)) continue;
      reached.add(next);
      open.push(next);
    }
  }
  return reached;
}
