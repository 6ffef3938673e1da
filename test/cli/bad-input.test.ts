import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bench } from '../e2e/bench.ts';
import { createWorkspace, lengths, plugins } from './workspace.ts';

const workspace = createWorkspace();
let numFolders = 0;

interface Refusal {
  readonly what: string;
  /** Lines of the tiny configuration that are wrong. */
  readonly config?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly says: readonly RegExp[];
}

const stack = (use: string) => `{ recompute: [least-loaded, recompute], mine: [${use}, recompute] }`;
const plugin = (name: string) => stack(join(plugins, `${name}.ts`));

const refusals: readonly Refusal[] = [
  {
    what: 'an unknown key',
    config: { polices: '{}' },
    says: [/config-\d+\.yaml:\d+:1: .*polices/, /did you mean "policies"/],
  },
  {
    what: 'a wrong type',
    config: { cluster: '{ instances: many, hardware: laptop-cell }' },
    says: [/:\d+:\d+: cluster\.instances:/],
  },
  {
    what: 'an unknown policy',
    config: { policies: stack('recompte') },
    says: [/there is no policy "recompte"/, /did you mean "recompute"/],
  },
  {
    what: 'a missing plug-in',
    config: { policies: stack('./none.ts') },
    says: [/there is no file \/.*\/none\.ts/],
  },
  {
    what: 'a negative rate',
    config: { workload: `{ kind: poisson, durationS: 2, rate: -5, ${lengths} }` },
    says: [/workload.*rate/],
  },
  { what: 'an unknown model', config: { model: 'tiny-lama' }, says: [/did you mean "tiny-llama"/] },
  {
    what: 'the same name twice',
    config: { policies: '{ a: [least-loaded, recompute], a: [least-loaded, swap] }' },
    says: [/config-\d+\.yaml:\d+:\d+:.*the key "a" stands twice/],
  },
  {
    what: 'a threshold about nobody',
    config: { thresholds: '["nobody.p99_ttft_ms < 5"]' },
    says: [/there is no policy "nobody"/],
  },
  {
    what: 'two mistakes, both told',
    config: { model: 'tiny-lama', polices: '{}' },
    says: [/tiny-llama/, /polices/],
  },
  {
    what: 'a plug-in that throws while it loads',
    config: { policies: plugin('throws-at-load') },
    says: [/thrown while loading/, /throws-at-load/],
  },
  {
    what: 'a plug-in whose import never ends',
    config: { policies: plugin('loops-at-import') },
    says: [/loops-at-import.*import.*did not return within 5000 ms/],
  },
  {
    what: 'a plug-in without a policy',
    config: { policies: plugin('not-a-policy') },
    says: [/default export is not a policy/, /bench new-policy/],
  },
  { what: 'a bad --set', args: ['--set', 'cluster'], says: [/--set cluster: expected a path and a value/] },
  {
    what: 'a --set of something unknown',
    args: ['--set', 'cluster.instance=3'],
    says: [/did you mean "instances"/],
  },
  {
    what: 'an unknown flag',
    args: ['--repeat', '3'],
    says: [/--repeat: there is no such flag/, /--repeats/],
  },
  {
    what: 'a flag that is given twice',
    args: ['--seed', '1', '--seed', '2'],
    says: [/--seed: is given twice/],
  },
  { what: 'a seed that is no number', args: ['--seed', 'one'], says: [/--seed/] },
  {
    what: 'a useless concurrency',
    args: ['--concurrency', '0'],
    says: [/--concurrency 0: expected a whole number/],
  },
  {
    what: 'flags that exclude each other',
    args: ['--resume', '--overwrite'],
    says: [/--resume: cannot go together/],
  },
];

describe('bad input is told before anything runs, exit code 2', { timeout: 60_000 }, () => {
  it.concurrent.each(refusals)('$what', async ({ config, args = [], says }) => {
    numFolders += 1;
    const out = workspace.path(`refused-${numFolders}`);
    const result = await bench(['--config', workspace.config(config), '--output-dir', out, ...args]);
    for (const text of says) expect(result.stderr).toMatch(text);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.stdout).toBe('');
    expect(existsSync(out)).toBe(false);
  });

  it.concurrent('a missing configuration', async () => {
    const result = await bench(['--config', workspace.path('config-none.yaml')]);
    expect(result.stderr).toMatch(/config-none\.yaml: there is no such file/);
    expect(result.exitCode).toBe(2);
  });

  it.concurrent('an empty trace', async () => {
    const path = workspace.write('empty.csv', 'TIMESTAMP,ContextTokens,GeneratedTokens\n');
    const workload = `{ kind: trace, path: ${path}, format: azure }`;
    const result = await bench(['--config', workspace.config({ workload })]);
    expect(result.stderr).toMatch(/empty\.csv|no request would arrive/);
    expect(result.exitCode).toBe(2);
  });

  it.concurrent.each([
    ['an unknown command', ['dcotor'], /did you mean "doctor"/],
    ['a folder that is no results folder', ['report', plugins], /has no manifest\.json/],
    ['a replay of nothing', ['--replay', plugins], /has no manifest\.json/],
    [
      'a replay over what it replays',
      ['--replay', 'x', '--output-dir', './x', '--overwrite'],
      /would be overwritten/,
    ],
    [
      'a resume of nobody knows what',
      ['--config', 'configs/burst.yaml', '--resume'],
      /--resume: needs --output-dir/,
    ],
    [
      'twins of a run that measures nothing',
      ['--config', 'configs/burst.yaml', '--mode', 'simulate', '--seeds-simulated', '5', '--dry-run'],
      /--seeds-simulated: has no effect/,
    ],
    ['a name that is no name', ['new-policy', 'MyPolicy'], /lower-case words/],
    ['no configuration at all', [], /say what to run/],
  ] as const)('%s', async (_, args, says) => {
    const result = await bench(args);
    expect(result.stderr).toMatch(says);
    expect(result.exitCode).toBe(2);
  });

  it.concurrent('a replay of a simulated run, whose folder stays as it is', async () => {
    const out = workspace.path('simulated');
    await bench(['--config', workspace.config(), '--output-dir', out, '--quiet']);
    const before = workspace.read('simulated/summary.json');
    const result = await bench(['--replay', out]);
    expect(result.stderr).toMatch(/a simulated run has no recorded step times/);
    expect(result.exitCode).toBe(2);
    expect(workspace.read('simulated/summary.json')).toBe(before);
  });

  it.concurrent('a folder of somebody else stays as it is, even with --overwrite', async () => {
    const out = workspace.path('precious');
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.txt'), 'years of work');
    for (const flag of ['--overwrite', '--resume', '--quiet']) {
      const result = await bench(['--config', workspace.config(), '--output-dir', out, flag]);
      expect(result.stderr).toMatch(/has no manifest\.json|exists and is not empty/);
      expect(result.exitCode).toBe(2);
    }
    expect(workspace.read('precious/thesis.txt')).toBe('years of work');
  });
});
