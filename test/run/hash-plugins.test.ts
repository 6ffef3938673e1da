import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashPlugins } from '../../harness/run/hash-plugins.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'servebench-hash-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
const hash = async () => {
  const policies = ['./policy.ts', 'recompute', './policy.ts'].map((use) => ({ use, params: {} }));
  const hashed = await hashPlugins({ stacks: [{ name: 'mine', policies }], baseDir: dir });
  expect(hashed.map(({ use }) => use)).toEqual(['./policy.ts']);
  return hashed[0]!;
};

describe('the checksum of a plug-in', () => {
  it('of one file is that of the file', async () => {
    const text = `import { z } from 'zod'; import { definePolicy } from 'servebench/policy'; export default z;`;
    write('policy.ts', text);
    const sha256 = createHash('sha256').update(text).digest('hex');
    expect(await hash()).toEqual({ use: './policy.ts', sha256, warning: undefined });
  });

  it.each([
    ['a helper of a helper', 'inner.ts', 'export const limit = 2;'],
    ['a module that is imported later', 'later.ts', 'export {}; // changed'],
    ['data', 'table.json', '{ "a": 2 }'],
    ['a package', 'node_modules/own/index.js', 'exports.a = 2;'],
  ])('changes with %s', async (_, changed, text) => {
    mkdirSync(join(dir, 'node_modules/own'), { recursive: true });
    write('node_modules/own/package.json', '{ "name": "own", "main": "index.js" }');
    write('node_modules/own/index.js', 'exports.a = 1;');
    write('inner.ts', 'export const limit = 1;');
    write('helper.ts', `export { limit } from './inner.js';`);
    write('later.ts', 'export {};');
    write('table.json', '{ "a": 1 }');
    write('other.ts', 'export {};');
    write(
      'policy.ts',
      `import { limit } from './helper.ts'; import table from './table.json'; import own from 'own';
      export default { create: async () => [limit, table, own, await import('./later.ts')] };`,
    );
    const before = await hash();
    expect(await hash()).toEqual(before);
    write('other.ts', 'export {}; // nobody imports it');
    expect(await hash()).toEqual(before);
    write(changed, text);
    expect((await hash()).sha256).not.toBe(before.sha256);
  });

  it('is the same in another folder', async () => {
    const files = {
      'policy.ts': `export { a as default } from './helper.ts';`,
      'helper.ts': 'export const a = 1;',
    };
    for (const [name, text] of Object.entries(files)) write(name, text);
    const { sha256 } = await hash();
    const first = dir;
    dir = mkdtempSync(join(tmpdir(), 'servebench-hash-elsewhere-'));
    rmSync(first, { recursive: true });
    for (const [name, text] of Object.entries(files)) write(name, text);
    expect((await hash()).sha256).toBe(sha256);
  });

  it('says where it cannot follow an import', async () => {
    write('policy.ts', `import './gone.ts';`);
    expect((await hash()).warning).toMatch(/^\.\/policy\.ts: its imports cannot be followed.*gone\.ts/);
  });
});
