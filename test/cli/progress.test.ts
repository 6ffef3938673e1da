import { describe, expect, it } from 'vitest';
import { commandLine, resumeCommandLine } from '../../harness/cli/command-line.ts';
import { createProgress } from '../../harness/cli/progress.ts';
import { defaultResultsPath } from '../../harness/cli/results-path.ts';
import type { CellOutcome } from '../../harness/run/cell-job.ts';

const cells = ['a', 'b'].map((name) => ({ id: `${name}-s1`, stackName: name, seed: 1 }));
const outcome = {
  summary: { completed: 9, offered: 10 },
  wall: { wall_ms: 2345 },
  warnings: ['cut off'],
} as unknown as CellOutcome;

function watch(isTTY: boolean, isQuiet: boolean): string {
  let text = '';
  const out = {
    isTTY,
    columns: 60,
    write: (chunk: string) => (text += chunk),
  } as unknown as NodeJS.WriteStream;
  const progress = createProgress(out, { isQuiet });
  const [first, second] = cells as [(typeof cells)[0], (typeof cells)[0]];
  progress.begin(cells, 0);
  progress.cellStarted(first);
  progress.cellDone(first, outcome);
  progress.cellStarted(second);
  progress.cellProgress(second, { phase: 'run', ended: 3, planned: 10, virtualUs: 5 });
  progress.cellFailed(second, 'no luck');
  progress.end();
  return text;
}

describe('progress', () => {
  it('is a line a cell where nobody looks', () => {
    expect(watch(false, false)).toBe('[1/2] a-s1: 9 of 10 requests in 2.3 s\n[2/2] b-s1: FAILED: no luck\n');
  });

  it('is bars on a terminal, which are gone in the end', () => {
    const text = watch(true, false);
    expect(text).toContain('1/2 cells, about');
    const visible = text.replaceAll(/█|░/g, '');
    expect(visible).toContain('b-s1: FAILED: no luck\n');
    expect(text.endsWith('\u001b[J')).toBe(true);
  });

  it('is nothing with --quiet', () => {
    expect(watch(true, true)).toBe('');
  });
});

describe('command lines', () => {
  it('can be pasted into a shell', () => {
    expect(commandLine(['--set', 'name=it is', '--config', 'a.yaml'])).toBe(
      "bench --set 'name=it is' --config a.yaml",
    );
    expect(commandLine(["it's"])).toBe("bench 'it'\\''s'");
  });

  it('resume what was started, wherever it was written', () => {
    const argv = ['--config', 'a.yaml', '--output-dir', 'old', '--overwrite'];
    expect(resumeCommandLine(argv, `${process.cwd()}/old`)).toBe(
      'bench --config a.yaml --output-dir old --resume',
    );
  });
});

it('results go to a folder of the run and the second', () => {
  expect(defaultResultsPath('burst')).toMatch(/\/results\/burst-\d{8}-\d{6}$/);
});
