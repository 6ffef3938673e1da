import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readResults, repository } from './bench.ts';

/** Somebody's folder, in which the packed product is installed and nothing of this checkout is found. */
const dir = mkdtempSync(join(tmpdir(), 'servebench-package-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);

interface Ended {
  readonly exitCode: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd: dir, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
      resolve({ exitCode: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const bench = (...args: readonly string[]) => run(join(dir, 'node_modules/.bin/bench'), ...args);
const ours = (name: string): string => join(repository, 'node_modules', name);

/** The smallest load that is worth running, without anything in the folder. */
const tiny = ['--config', 'configs/burst.yaml', '--quiet', '--set', 'workload.durationS=0.2', '--output-dir'];

describe('the package, installed elsewhere', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    const packed = await run(join(repository, '.ci/package'), dir);
    expect(packed.exitCode, packed.stderr).toBe(0);
    const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'));
    write('package.json', '{ "name": "user", "private": true, "type": "module" }');
    const installed = await run(
      'npm',
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      `./${tarball}`,
    );
    expect(installed.exitCode, installed.stderr).toBe(0);
    expect((await bench('new-policy', 'mine')).exitCode).toBe(0);
  }, 300_000);

  it('says its version and what there is, without TensorFlow being there', async () => {
    expect((await bench('--version')).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect((await bench('list')).stdout).toContain('configs/burst.yaml');
    expect(readdirSync(join(dir, 'node_modules'))).not.toContain('@tensorflow');
    const { exitCode, stdout } = await bench('doctor');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('npm install --ignore-scripts @tensorflow/tfjs-node-gpu@');
    const measured = await bench(...tiny, join(dir, 'measured'));
    expect(measured.exitCode).toBe(1);
    expect(measured.stderr).toMatch(/tfjs-node-gpu is not installed.*\n.*npm install --ignore-scripts/);
  });

  it('runs a configuration of its own with a policy of the folder, and checks that', async () => {
    const out = join(dir, 'simulated');
    const { exitCode, stderr } = await bench(...tiny, out, '--mode', 'simulate', '--policy', './mine.ts');
    expect(exitCode, stderr).toBe(0);
    expect(readResults(out).manifest.stacks.map(({ name }) => name)).toContain('mine');
    expect((await bench('check-policy', './mine.ts')).stdout).toMatch(/\d+ passed, 0 failed/);
  });

  it('has types, in both ways to resolve modules, for the strictest reader', async () => {
    write(
      'wrong.ts',
      "import { definePolicy } from 'servebench/policy';\nexport default definePolicy({ name: 1 });\n",
    );
    // The test of the new policy needs vitest, which its author has.
    symlinkSync(ours('vitest'), join(dir, 'node_modules/vitest'));
    for (const resolution of ['"module": "nodenext"', '"module": "esnext", "moduleResolution": "bundler"']) {
      const options = `{ "target": "es2022", ${resolution}, "strict": true, "noEmit": true, "skipLibCheck": false, "types": [] }`;
      for (const [files, message] of [
        ['"mine.ts"', /^$/],
        ['"wrong.ts"', /wrong\.ts\(2,\d+\): error TS/],
      ] as const) {
        write('tsconfig.json', `{ "compilerOptions": ${options}, "files": [${files}] }`);
        expect((await run(ours('.bin/tsc'))).stdout, resolution).toMatch(message);
      }
    }
    rmSync(join(dir, 'tsconfig.json'));
    rmSync(join(dir, 'wrong.ts'));
  });

  it('tests the new policy with the test that comes with it', async () => {
    const { exitCode, stdout } = await run(ours('.bin/vitest'), 'run', '--root', dir, 'mine.test.ts');
    expect(exitCode, stdout).toBe(0);
  });

  it('loads a policy of another package by its name, and notes the version', async () => {
    const folder = join(dir, 'node_modules/@someone/evict-last');
    mkdirSync(folder, { recursive: true });
    const text = {
      name: '@someone/evict-last',
      version: '1.2.3',
      type: 'module',
      exports: { import: './policy.ts' },
    };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(text));
    writeFileSync(join(folder, 'policy.ts'), "export { default } from '../../../mine.ts';\n");
    const out = join(dir, 'by-name');
    const { exitCode, stderr } = await bench(
      ...tiny,
      out,
      '--mode',
      'simulate',
      '--policy',
      '@someone/evict-last',
    );
    expect(exitCode, stderr).toBe(0);
    const { versions } = readResults(out).manifest;
    expect(versions['plug-in @someone/evict-last']).toMatch(/^1\.2\.3, sha256:[\da-f]{64}$/);
  });

  it('measures once tfjs-node-gpu is there', async () => {
    symlinkSync(ours('@tensorflow'), join(dir, 'node_modules/@tensorflow'));
    const only = ['--set', 'policies={ recompute: [least-loaded, recompute] }', '--seeds-simulated', '0'];
    const out = join(dir, 'measured');
    const { exitCode, stderr } = await bench(...tiny, out, ...only, '--set', 'baseline=recompute');
    expect(exitCode, stderr).toBe(0);
    const { manifest, summary } = readResults(out);
    expect(manifest.backend.name).toMatch(/^tensorflow/);
    expect(summary.cells[0]?.verified_tokens).toBe(summary.cells[0]?.generated_tokens);
  });
});
