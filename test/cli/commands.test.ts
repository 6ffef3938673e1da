import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bench, readResults, repository } from '../e2e/bench.ts';
import { createWorkspace, plugins } from './workspace.ts';

const workspace = createWorkspace();

describe('bench', { timeout: 60_000 }, () => {
  it.concurrent('starts fast and explains itself', async () => {
    const result = await bench(['--help']);
    expect(result.exitCode).toBe(0);
    for (const text of ['setup', 'doctor', 'new-policy', '--config', '--resume', 'Examples:', 'Exit codes']) {
      expect(result.stdout).toContain(text);
    }
  });

  it.concurrent.each(['setup', 'doctor', 'list', 'new-policy', 'check-policy', 'report', 'compare', 'trace'])(
    '%s --help shows an example',
    async (command) => {
      const result = await bench([command, '--help']);
      expect(result.exitCode).toBe(0);
      expect(result.stdout).toContain('Examples:');
    },
  );

  it.concurrent('list tells programs what there is', async () => {
    const result = await bench(['list', '--format', 'json']);
    const catalog = JSON.parse(result.stdout) as {
      policies: { name: string; params: unknown[] }[];
      models: string[];
    };
    expect(catalog.policies.map(({ name }) => name)).toEqual(expect.arrayContaining(['recompute', 'swap']));
    expect(catalog.policies.find(({ name }) => name === 'swap')?.params).not.toEqual([]);
    expect(catalog.models).toContain('tiny-llama');
  });

  it.concurrent('shows with --dry-run what would run, and writes nothing', async () => {
    const out = workspace.path('dry');
    const result = await bench([
      '--config',
      workspace.config({ repeats: '2' }),
      '--output-dir',
      out,
      '--set',
      'cluster.faults=[{ instance: 1, atS: 0.25 }]',
      '--set',
      'cluster.maxInstances=5',
      '--set',
      'cluster.loadReports={ everyMs: 500 }',
      '--set',
      'engine.preset=vllm-v0',
      '--dry-run',
    ]);
    expect(result.stdout).toMatch(/cells: recompute-s1 recompute-s2$/m);
    expect(result.stdout).toMatch(/cluster +2, at most 5, instances of/);
    expect(result.stdout).toMatch(
      /cold start +[\d.]+ s of provisioning.*, weights from disk, [\d.]+ s of warm-up$/m,
    );
    expect(result.stdout).toMatch(/engine +vLLM V0: whole-prompt admission, .*512 tokens a step/);
    expect(result.stdout).toMatch(/load reports +every 500 ms$/m);
    expect(result.stdout).toMatch(/fault +instance 1 fails at 0\.25 s/);
    expect(result.stdout).toMatch(/weights +[\d.]+ MiB \(\d+\.\d %\)/);
    expect(existsSync(out)).toBe(false);
    expect(result.exitCode).toBe(0);
  });

  it.concurrent('prints only its results on stdout, and with --quiet nothing else at all', async () => {
    const out = workspace.path('quiet');
    const args = ['--config', workspace.config(), '--output-dir', out, '--format', 'json', '--quiet'];
    const result = await bench(args);
    expect(JSON.parse(result.stdout)).toMatchObject({ results_dir: out, failed: [], thresholds: [] });
    expect(result.stderr).toBe('');
    expect(readResults(out).manifest.command).toContain('--format json');
  });

  it.concurrent('describes a workload', async () => {
    const result = await bench(['trace', 'describe', workspace.config()]);
    expect(result.stdout).toMatch(/requests +\d+/);
    expect(result.exitCode).toBe(0);
  });

  it.concurrent('writes a policy that passes the suite and runs in the matrix', async () => {
    const dir = workspace.path('mine');
    mkdirSync(dir);
    const written = await bench(['new-policy', 'my-idea', '--dir', dir]);
    expect(written.exitCode, written.stderr).toBe(0);
    const file = join(dir, 'my-idea.ts');
    expect(existsSync(join(dir, 'my-idea.test.ts'))).toBe(true);
    const checked = await bench(['check-policy', file]);
    expect(checked.stdout).toMatch(/\d+ passed, 0 failed/);
    const out = workspace.path('matrix');
    const ran = await bench(['--config', workspace.config(), '--policy', file, '--output-dir', out]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(readResults(out).manifest.cells.map(({ policy }) => policy)).toEqual(['recompute', 'my-idea']);
    const again = await bench(['new-policy', 'my-idea', '--dir', dir]);
    expect(again.stderr).toMatch(/exists and is left as it is/);
    expect(again.exitCode).toBe(2);
  });

  it.concurrent.each(['dispatcher', 'autoscaler'])('writes a %s that passes the suite', async (template) => {
    const name = `my-${template}`;
    const written = await bench(['new-policy', name, '--template', template, '--dir', workspace.dir]);
    expect(written.exitCode, written.stderr).toBe(0);
    const checked = await bench(['check-policy', workspace.path(`${name}.ts`)]);
    expect(checked.stdout).toMatch(/\d+ passed, 0 failed/);
    expect(workspace.read(`${name}.test.ts`)).toContain(`import policy from './${name}.js'`);
  });

  it.concurrent('checks a policy with other parameters, and says what they do not do', async () => {
    const swapping = join(plugins, 'faulty', 'never-swaps-in.ts');
    const result = await bench(['check-policy', swapping, '--set', 'mode=swap']);
    expect(result.stdout).toMatch(/FAIL {2}serves an overload of its memory: .* swapped/);
    expect(result.exitCode).toBe(1);
    const bad = await bench(['check-policy', swapping, '--set', 'mode']);
    expect(bad.stderr).toContain('expected a path and a value');
    expect(bad.exitCode).toBe(2);
  });

  it.concurrent('writes a report again', async () => {
    const out = workspace.path('reported');
    await bench(['--config', workspace.config(), '--output-dir', out]);
    const result = await bench(['report', out]);
    expect(result.stdout).toMatch(/report\.html \(.*KiB/);
    expect(result.exitCode).toBe(0);
  });

  it.concurrent('published schemas are those of the code', async () => {
    const result = await bench(['schema', '--check']);
    expect(result.stderr).toBe('');
    expect(result.exitCode).toBe(0);
    expect(existsSync(join(repository, 'configs/schemas/config.schema.json'))).toBe(true);
  });
});
