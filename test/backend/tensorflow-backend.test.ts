import { beforeAll, expect, it } from 'vitest';
import { loadBackend } from '../../harness/backend/load.ts';
import { ensureBackend } from '../../harness/backend/provision.ts';
import { attr, type TensorflowBackend } from '../../harness/backend/tensorflow-backend.ts';

const setupTimeoutMs = 600_000;

let backend: TensorflowBackend;
beforeAll(async () => {
  await ensureBackend({ device: 'auto' });
  backend = await loadBackend({ numThreads: 1 });
}, setupTimeoutMs);

const float32 = attr.type('T', 'float32');
const noTranspose = [attr.bool('transpose_a', false), attr.bool('transpose_b', false), float32];

it('is the pinned TensorFlow', () => {
  expect(backend.backendName).toBe('tensorflow');
  expect(backend.tensorflowVersion).toBe('2.21.0');
  expect(backend.device.name).not.toBe('');
});

it('multiplies matrices, and holds exactly what was not disposed', () => {
  const numBefore = backend.numTensors();
  const left = backend.createTensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const right = backend.createTensor(Float32Array.of(1, 0, 0, 1, 1, 1), [3, 2]);
  const product = backend.executeSingleOutput('MatMul', noTranspose, [left, right]);
  expect(product).toMatchObject({ shape: [2, 2], dtype: 'float32' });
  expect([...backend.read(product)]).toEqual([4, 5, 10, 11]);
  expect(backend.numTensors()).toBe(numBefore + 3);
  backend.dispose(left, right, product);
  expect(backend.numTensors()).toBe(numBefore);
});

it('changes a resource variable in place', () => {
  const dtype = attr.type('dtype', 'float32');
  const handle = backend.executeSingleOutput(
    'VarHandleOp',
    [
      dtype,
      attr.shape('shape', [3, 2]),
      attr.string('container', ''),
      attr.string('shared_name', 'backend-test'),
    ],
    [],
  );
  expect(handle.dtype).toBe('resource');
  const zeros = backend.createTensor(new Float32Array(6), [3, 2]);
  const rows = backend.createTensor(Int32Array.of(2, 0), [2]);
  const updates = backend.createTensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
  backend.executeMultipleOutputs('AssignVariableOp', [dtype], [handle, zeros], 0);
  const scatter = [dtype, attr.type('Tindices', 'int32')];
  expect(
    backend.executeMultipleOutputs('ResourceScatterUpdate', scatter, [handle, rows, updates], 0),
  ).toEqual([]);
  const value = backend.executeSingleOutput('ReadVariableOp', [dtype], [handle]);
  expect([...backend.read(value)]).toEqual([3, 4, 0, 0, 1, 2]);
  backend.executeMultipleOutputs('DestroyResourceOp', [attr.bool('ignore_lookup_error', false)], [handle], 0);
  backend.dispose(handle, zeros, rows, updates, value);
});

it('keeps element types apart', () => {
  const int = backend.createScalar(3, 'int32');
  const flag = backend.createTensor(Uint8Array.of(1, 0), [2]);
  expect(backend.read(int)).toEqual(Int32Array.of(3));
  expect(flag.dtype).toBe('bool');
  backend.dispose(int, flag);
});

it("throws TensorFlow's message when an op refuses its input", () => {
  const wide = backend.createTensor(new Float32Array(6), [2, 3]);
  expect(() => backend.executeSingleOutput('MatMul', noTranspose, [wide, wide])).toThrow(
    /Matrix size-incompatible/,
  );
  backend.dispose(wide);
});

it('is one per process', async () => {
  expect(await loadBackend({ numThreads: 1 })).toBe(backend);
  expect(() => loadBackend({ numThreads: 2 })).toThrow(/INV-one-backend/);
});
