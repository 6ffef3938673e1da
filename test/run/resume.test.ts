import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../harness/metrics/results.ts';
import { requireSameRun } from '../../harness/run/resume.ts';

const earlier = {
  config: { seeds: [1, 2], baseDir: '/home/a', engine: { maxRunning: 256 }, stacks: [{ name: 'swap' }] },
  traces: [{ file: 'code.csv', sha256: 'aa' }],
  versions: { servebench: '0.1.0', node: '20.20.2', 'plug-in ./mine.ts': 'sha256:aa' },
  commit: 'c0ffee',
  backend: { name: 'simulated', mode: 'simulate', device: 'cost model' },
  machine: { cpu: 'a fast one', cores: 2, memory_bytes: 8e9, platform: 'linux x64' },
} as unknown as Manifest;

const measured: Manifest = {
  ...earlier,
  backend: { name: 'tensorflow 2.21.0', mode: 'measure', device: 'a fast one' },
  versions: { ...earlier.versions, tensorflow: '2.21.0', 'tfjs-node-gpu': '4.22.0' },
};

describe('requireSameRun', () => {
  it('takes the same run in another place', () => {
    const moved = {
      ...earlier,
      config: { ...earlier.config, baseDir: '/home/b' },
      created_at: 'later',
      versions: { ...earlier.versions, node: '22.1.0' },
      machine: { ...earlier.machine, cpu: 'a slow one' },
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

  it('takes a measured run on the same machine, whatever its memory', () => {
    const now = { ...measured, machine: { ...measured.machine, memory_bytes: 7e9 } };
    expect(() => requireSameRun(measured, now)).not.toThrow();
  });

  it.each([
    ['another processor', { machine: { ...measured.machine, cpu: 'a slow one' } }, /cpu was "a fast one"/],
    ['more cores', { machine: { ...measured.machine, cores: 64 } }, /cores was 2 and is now 64/],
    ['another platform', { machine: { ...measured.machine, platform: 'linux arm64' } }, /platform was/],
    [
      'a GPU',
      { backend: { ...measured.backend, device: 'NVIDIA H200' } },
      /device was "a fast one" and is now "NV/,
    ],
    [
      'another TensorFlow',
      { versions: { ...measured.versions, tensorflow: '2.22.0' } },
      /tensorflow was "2\.21/,
    ],
    [
      'another binding',
      { versions: { ...measured.versions, 'tfjs-node-gpu': '5.0.0' } },
      /tfjs-node-gpu was/,
    ],
    ['another Node', { versions: { ...measured.versions, node: '22.1.0' } }, /node was "20\.20\.2"/],
    ['another commit', { commit: 'decaf' }, /commit was "c0ffee" and is now "decaf"/],
  ])('refuses to go on with a measured run with %s', (_, change, message) => {
    expect(() => requireSameRun(measured, { ...measured, ...change })).toThrow(message);
    expect(() => requireSameRun(measured, { ...measured, ...change })).toThrow(/go on with what made/);
  });

  it('refuses to go on with simulated cells of other code', () => {
    const other = { ...earlier.versions, servebench: '0.2.0' };
    expect(() => requireSameRun(earlier, { ...earlier, versions: other })).toThrow(
      /servebench was "0\.1\.0"/,
    );
    expect(() => requireSameRun(earlier, { ...earlier, commit: null })).toThrow(/is now null/);
  });
});
