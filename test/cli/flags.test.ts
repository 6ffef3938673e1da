import { describe, expect, it } from 'vitest';
import { flagValueIssues } from '../../harness/cli/flag-values.ts';
import { explainCrash } from '../../harness/cli/run-calibration.ts';
import { EnvironmentError } from '../../harness/base/errors.ts';
import { bench } from '../e2e/bench.ts';

const options = {
  array: ['set'],
  boolean: ['resume', 'help'],
  key: { 'output-dir': true, outputDir: true, seed: true, mode: true, set: true, resume: true, help: true },
};

/** What is wrong with a command line, one text for each flag. */
function issuesOf(line: string): readonly string[] {
  return flagValueIssues(line.split(' '), options).map(({ source, message }) => `${source}: ${message}`);
}

describe('the value of a flag', () => {
  it.each([
    '--output-dir out --seed 1 --mode=simulate --set a=1 --resume',
    '--seed -1',
    '--output-dir=-x',
    '--resume=false x',
    '--unknown',
    '-- --seed',
    'trace describe --seed=3 file',
  ])('is there: %s', (line) => expect(issuesOf(line)).toEqual([]));

  it.each([
    ['--output-dir', ['--output-dir: needs a value']],
    ['--outputDir', ['--outputDir: needs a value']],
    ['--output-dir --resume', ['--output-dir: needs a value']],
    ['--output-dir=', ['--output-dir: needs a value']],
    ['--output-dir  --resume', ['--output-dir: needs a value']],
    ['--output-dir - --config a', ['--output-dir: needs a value, and "-" is none']],
    ['--seed= --mode', ['--seed: needs a value', '--mode: needs a value']],
    ['--set --set a=1', ['--set: needs a value']],
    ['--seed --', ['--seed: needs a value']],
    ['--resume=maybe', ['--resume: takes no value, got "maybe"']],
    ['--resume=', ['--resume: takes no value, got ""']],
  ])('is not there: %s', (line, issues) => expect(issuesOf(line)).toEqual(issues));

  it.each([
    [['--output-dir'], /^error: --output-dir: needs a value\n$/],
    [['--config', 'a.yaml', '--output-dir', '-'], /--output-dir: needs a value, and "-" is none/],
    [['--config', 'a.yaml', '--seed='], /--seed: needs a value/],
    [['list', '--format'], /--format: needs a value/],
    [['--__proto__', 'x'], /there is no such (flag|command)/],
    [['--constructor'], /--constructor: there is no such flag/],
    [['--toString=1'], /--toString: there is no such flag/],
  ])('that is missing, or of an unknown flag, is bad input: %j', { timeout: 60_000 }, async (args, says) => {
    const result = await bench(args);
    expect(result.stderr).toMatch(says);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.exitCode).toBe(2);
  });
});

it('a crash of TensorFlow points to what mends it, and other errors stay what they are', () => {
  const crash = new Error('the worker process ended unexpectedly (SIGSEGV); it printed nothing');
  expect(explainCrash(crash)).toBeInstanceOf(EnvironmentError);
  expect(explainCrash(crash)).toMatchObject({
    message: expect.stringMatching(/^TensorFlow crashed: .*SIGSEGV/),
    remedy: expect.stringContaining('bench setup'),
  });
  for (const other of [new Error('ended unexpectedly (SIGKILL)'), new TypeError('x'), 'text'])
    expect(explainCrash(other)).toBe(other);
});
