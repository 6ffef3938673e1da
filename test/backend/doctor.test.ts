import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { diagnose, type DoctorRow } from '../../harness/backend/doctor.ts';
import { formatDoctor } from '../../harness/backend/format-doctor.ts';
import type { Host } from '../../harness/backend/host.ts';
import { ensureBackend } from '../../harness/backend/provision.ts';
import { createMachine, goodCheck, type FakeMachine } from './fake-machine.ts';

let machine: FakeMachine;
beforeEach(() => {
  machine = createMachine();
});
afterEach(() => machine.remove());

async function rowsOf(host: Host): Promise<Record<string, DoctorRow>> {
  const { rows } = await diagnose(host);
  return Object.fromEntries(rows.map((row) => [row.name, row]));
}

it('a machine that has everything but the library can measure, after setting it up', async () => {
  const report = await diagnose(machine.host);
  expect(report.canMeasure).toBe(true);
  const rows = await rowsOf(machine.host);
  expect(rows['TensorFlow library']).toMatchObject({
    status: 'warning',
    remedy: expect.stringContaining('bench setup'),
  });
  expect(rows['Product 1024x1024']?.detail).toMatch(/not timed/);
  expect(rows['bench would use']?.detail).toMatch(/on the CPU, after setting it up/);
});

it('with the library, missing tools are warnings', async () => {
  await ensureBackend({ device: 'cpu' }, machine.host);
  // The fake compiler's file stands for the binding; the fake Node says that it computes.
  machine.setProgram('node', goodCheck.replace('"gflopsPerSecond":1', '"gflopsPerSecond":237.4'));
  machine.removeProgram('c++');
  const report = await diagnose(machine.host);
  const rows = await rowsOf(machine.host);
  expect(report.canMeasure).toBe(true);
  expect(rows['C++ compiler']).toMatchObject({ status: 'warning' });
  expect(rows['TensorFlow library']).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining(machine.host.cacheFolder),
  });
  expect(rows['Product 1024x1024']?.detail).toBe('237 GFLOP/s (CPU, every core)');
  expect(rows['bench would use']).toMatchObject({ status: 'ok', detail: 'TensorFlow 2.21.0 on the CPU' });
});

it('without library and compiler nothing can be measured, and the remedies say how', async () => {
  machine.removeProgram('c++');
  const report = await diagnose({ ...machine.host, freeBytes: async () => 1e9 });
  expect(report.canMeasure).toBe(false);
  const text = formatDoctor(report);
  expect(text).toMatch(/FAIL {2}C\+\+ compiler .*\n *-> install one .*--mode simulate/);
  expect(text).toMatch(/FAIL {2}Disk .*953\.7 MiB free/);
  expect(text).toMatch(/FAIL {2}bench would use/);
});

it("names the library of tfjs-node-gpu's own script as the source", async () => {
  const folder = join(machine.host.packageFolder, 'lib/napi-v8');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tfjs_binding.node'), '');
  const rows = await rowsOf(machine.host);
  expect(rows['TensorFlow library']?.detail).toMatch(/own install script/);
});

it('shows the GPU, and warns when the library leaves it idle', async () => {
  await ensureBackend({ device: 'cpu' }, machine.host);
  machine.setProgram('nvidia-smi', 'echo "NVIDIA H200, 570.86.15, 143771"');
  const rows = await rowsOf(machine.host);
  expect(rows['Device']?.detail).toMatch(/^NVIDIA H200, 140\.4 GiB, driver 570\.86\.15; /);
  expect(rows['bench would use']).toMatchObject({
    status: 'warning',
    remedy: expect.stringContaining('--device cuda'),
  });
});
