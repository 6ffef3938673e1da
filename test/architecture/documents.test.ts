import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { between, folderOf, type ImportGraph, readImports } from './import-graph.ts';

const architecture = readFileSync('ARCHITECTURE.md', 'utf8');

/** What a text names in backticks and has the form of a path, without placeholders (`NAME`, `<time>`, `my-policy`, `*`). */
function pathsIn(text: string): string[] {
  const names = [...text.matchAll(/`([^`\s]+)`/g)].map(([, name]) => name!);
  return names.filter(
    (name) => /^[a-z][\w./-]*$/.test(name) && /\/|\.(ts|md)$/.test(name) && !/[A-Z]{2}|\bmy-/.test(name),
  );
}

/** Folders of the repository that a path may be written from: its own, the root, and `harness`. */
function existsBeside(document: string, path: string): boolean {
  return [dirname(document), '.', 'harness'].some((folder) => existsSync(join(folder, path)));
}

function readmes(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : readmes(path);
    return entry.name === 'README.md' ? [path] : [];
  });
}

describe('paths in backticks', () => {
  it('of ARCHITECTURE.md exist', () => {
    expect(pathsIn(architecture)).toContain('core/state/effects.ts');
    expect(pathsIn(architecture).filter((path) => !existsBeside('ARCHITECTURE.md', path))).toEqual([]);
  });

  it.each(['.', 'harness', 'policies', 'workloads', 'reports', 'configs', 'test'])(
    'of every README in %s exist',
    (top) => {
      const documents = top === '.' ? ['README.md'] : readmes(top);
      const missing = documents.flatMap((document) => {
        // A path of another project begins with a folder that is not ours.
        const own = pathsIn(readFileSync(document, 'utf8')).filter((path) =>
          existsBeside(document, path.split('/')[0]!),
        );
        return own.filter((path) => !existsBeside(document, path)).map((path) => `${document}: ${path}`);
      });
      expect(missing).toEqual([]);
    },
  );
});

/** The lines `a, b -> c, d` of the overview. */
function arrows(): ImportGraph {
  const graph = new Map<string, Set<string>>();
  for (const [, from, to] of architecture.matchAll(/^([a-z, ]+) -> ([a-z, ]+)$/gm)) {
    for (const name of from!.split(', '))
      graph.set(name, new Set([...(graph.get(name) ?? []), ...to!.split(', ')]));
  }
  return graph;
}

describe('the overview of ARCHITECTURE.md', () => {
  const imports = between(readImports(['harness', 'policies', 'workloads', 'reports']), (file) =>
    folderOf(file).replace('harness/', ''),
  );
  const drawn = arrows();

  it('has no arrow without an import', () => {
    const idle = [...drawn].flatMap(([from, to]) =>
      [...to].filter((other) => imports.get(from)?.has(other) !== true).map((other) => `${from} -> ${other}`),
    );
    expect(drawn.size).toBeGreaterThan(10);
    expect(idle).toEqual([]);
  });

  it('leads from every folder to all that it imports', () => {
    const reached = (from: string): ReadonlySet<string> =>
      new Set([...(drawn.get(from) ?? [])].flatMap((other) => [other, ...reached(other)]));
    const missing = [...imports].flatMap(([from, to]) => {
      const allowed = reached(from);
      return [...to].filter((other) => !allowed.has(other)).map((other) => `${from} -> ${other}`);
    });
    expect(missing).toEqual([]);
  });
});
