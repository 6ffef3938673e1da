import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../harness/backend/unpack-wheel.py', import.meta.url));

const members = [
  'tensorflow/__init__.py',
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/python/_pywrap_tfe.so',
  'tensorflow/include/tensorflow/c/c_api.h',
  'tensorflow/include/Eigen/Core.h',
  'tensorflow_cpu-2.21.0.dist-info/RECORD',
  'nvidia/__init__.py',
  'nvidia/cudnn/include/cudnn.h',
  'nvidia/cudnn/lib/libcudnn.so.9',
  'nvidia/cuda_runtime/lib/libcudart_static.a',
  'nvidia/cuda_nvcc/bin/ptxas',
];

it('unpacks libraries, programs and the headers of the C interface, and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servebench-wheel-'));
  const wheel = join(folder, 'some.whl');
  const makeWheel = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for name in sys.argv[2:]:
        info = zipfile.ZipInfo(name)
        info.external_attr = (0o755 if "/bin/" in name else 0o600) << 16
        archive.writestr(info, "x")`;
  execFileSync('python3', ['-c', makeWheel, wheel, ...members]);
  execFileSync('python3', [script, wheel, join(folder, 'out')]);
  const files = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, 'out', path)).isFile(),
  );
  expect(new Set(files)).toEqual(
    new Set([
      'tensorflow/libtensorflow_cc.so.2',
      'tensorflow/libtensorflow_framework.so.2',
      'tensorflow/include/tensorflow/c/c_api.h',
      'nvidia/cudnn/lib/libcudnn.so.9',
      'nvidia/cuda_nvcc/bin/ptxas',
    ]),
  );
  expect(statSync(join(folder, 'out/nvidia/cuda_nvcc/bin/ptxas')).mode & 0o111).not.toBe(0);
  rmSync(folder, { recursive: true });
});
