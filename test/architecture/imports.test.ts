import { describe, expect, it } from 'vitest';
import { between, circlesOf, folderOf, type ImportGraph, readImports } from './import-graph.ts';

const graph = readImports(['harness', 'policies', 'workloads', 'reports']);

describe('imports, those of types included', () => {
  it('go round in no circle of files', () => {
    expect(circlesOf(graph)).toEqual([]);
  });

  it('go round in no circle of folders', () => {
    expect(circlesOf(between(graph, folderOf))).toEqual([]);
  });

  it('are read: a circle of three is found, and the one who only imports it is not part of it', () => {
    const toy: ImportGraph = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['c'])],
      ['c', new Set(['a'])],
      ['d', new Set(['a'])],
    ]);
    expect(circlesOf(toy)).toEqual([['a', 'b', 'c']]);
    expect(graph.get('harness/core/run.ts')).toContain('harness/core/state/cluster.ts');
  });
});

/** From the bottom to the top: a file imports files of its own layer and of those before it. */
const coreLayers: readonly { readonly name: string; readonly holds: (file: string) => boolean }[] = [
  { name: 'what others implement', holds: (file) => /^(engine|executor|observer)\.ts$/.test(file) },
  { name: 'state', holds: (file) => file.startsWith('state/') },
  { name: 'what acts on it', holds: () => true },
];

function layerOf(file: string): number {
  return coreLayers.findIndex(({ holds }) => holds(file.replace('harness/core/', '')));
}

it('the core is in layers: state knows nothing of what acts on it', () => {
  const upward = [...graph]
    .filter(([file]) => file.startsWith('harness/core/'))
    .flatMap(([file, imported]) =>
      [...imported]
        .filter((other) => other.startsWith('harness/core/') && layerOf(other) > layerOf(file))
        .map((other) => `${file} -> ${other}`),
    );
  expect(upward).toEqual([]);
});
