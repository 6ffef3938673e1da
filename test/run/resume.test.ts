import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../harness/metrics/results.ts';
import { requireSameRun } from '../../harness/run/resume.ts';

const earlier = {
  config: { seeds: [1, 2], baseDir: '/home/a', engine: { maxRunning: 256 }, stacks: [{ name: 'swap' }] },
  traces: [{ file: 'code.csv', sha256: 'aa' }],
  versions: { node: '20.20.2', 'plug-in ./mine.ts': 'sha256:aa' },
} as unknown as Manifest;

describe('requireSameRun', () => {
  it('takes the same run in another place', () => {
    const moved = {
      ...earlier,
      config: { ...earlier.config, baseDir: '/home/b' },
      created_at: 'later',
      versions: { ...earlier.versions, node: '22.1.0' },
    };
    expect(() => requireSameRun(earlier, moved)).not.toThrow();
  });

  it('names every difference', () => {
    const config = { ...earlier.config, seeds: [1, 3], engine: { maxRunning: 8 }, thresholds: [] };
    const traces = [{ file: 'code.csv', sha256: 'bb' }];
    const versions = { ...earlier.versions, 'plug-in ./mine.ts': 'sha256:bb' };
    const compare = () => requireSameRun(earlier, { ...earlier, config, traces, versions });
    expect(compare).toThrow(/seeds\.1 was 2 and is now 3/);
    expect(compare).toThrow(/engine\.maxRunning was 256 and is now 8/);
    expect(compare).toThrow(/thresholds was not there and is now \[\]/);
    expect(compare).toThrow(/plug-in \.\/mine\.ts was "sha256:aa" and is now "sha256:bb"/);
    expect(compare).toThrow(/traces\.0\.sha256 was "aa" and is now "bb"/);
  });
});
