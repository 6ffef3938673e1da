import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatKernels } from '../../harness/cli/format-kernels.ts';
import { currentHost } from '../../harness/backend/host.ts';
import { decodeKernelList } from '../../harness/backend/kernel-list.ts';
import { findOpKernels } from '../../harness/backend/op-kernels.ts';
import { ensureBackend, libraryFolderOf } from '../../harness/backend/provision.ts';
import type { LibraryDevice } from '../../harness/backend/pins.ts';
import { modelOps } from '../../harness/model/model-ops.ts';
import { createMachine, type FakeMachine } from './fake-machine.ts';

const setupTimeoutMs = 600_000;

describe('the registry of the library on this machine', () => {
  it(
    'has a CPU kernel for every op of the model',
    async () => {
      await ensureBackend({ device: 'cpu' });
      const { tensorflowVersion, kernels } = await findOpKernels(currentHost(), 'cpu', modelOps);
      expect(tensorflowVersion).toBe('2.21.0');
      expect(kernels.filter(({ hasKernel }) => !hasKernel)).toEqual([]);
      expect(new Set(kernels.map(({ op }) => op))).toEqual(new Set(Object.keys(modelOps)));
    },
    setupTimeoutMs,
  );

  it('has none for a type that an op does not take, nor for an op that does not exist', async () => {
    const ops = { Sigmoid: [{ T: 'int32' }, { T: 'float32' }], NoSuchOp: [{ T: 'float32' }] } as const;
    const { kernels } = await findOpKernels(currentHost(), 'cpu', ops);
    expect(kernels.map(({ hasKernel }) => hasKernel)).toEqual([false, true, false]);
  });
});

/** `[field, bytes]` as a protocol buffer, with the lengths below 128 that lists of kernels have here. */
function field(number: number, bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.of(8 * number + 2, content.length), content]);
}

function kernel(op: string, device: string, types: Readonly<Record<string, readonly number[]>>): Buffer {
  const constraints = Object.entries(types).map(([name, codes]) =>
    field(3, Buffer.concat([field(1, name), field(2, field(1, field(6, Buffer.from(codes))))])),
  );
  const priority = Buffer.of(8 * 6, 1);
  const parts = [field(1, op), field(2, device), ...constraints, field(4, 'shape'), priority];
  return field(1, Buffer.concat(parts));
}

describe('a list of kernels', () => {
  it('is decoded, constraints of other attributes than types left out', () => {
    const policy = field(3, Buffer.concat([field(1, 'policy'), field(2, field(1, field(2, 'IGNORE')))]));
    const gather = field(1, Buffer.concat([field(1, 'Gather'), field(2, 'GPU'), policy]));
    const bytes = Buffer.concat([kernel('Gather', 'CPU', { T: [1, 19], Index: [3] }), gather]);
    expect(decodeKernelList(bytes)).toEqual([
      {
        device: 'CPU',
        allowedTypes: new Map([
          ['T', [1, 19]],
          ['Index', [3]],
        ]),
      },
      { device: 'GPU', allowedTypes: new Map() },
    ]);
  });

  it('that ends too early is refused', () => {
    expect(() => decodeKernelList(Buffer.of(0x0a, 0x80))).toThrow(RangeError);
    expect(() => decodeKernelList(Buffer.of(0x0d, 1, 1, 1, 1))).toThrow(/wire type 5/);
  });
});

describe('GPU kernels', () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = createMachine();
  });
  afterEach(() => machine.remove());

  /** A library whose registry, as Python reads it, is this. */
  function addLibrary(device: LibraryDevice, kernels: Readonly<Record<string, string>>): void {
    const folder = join(libraryFolderOf(machine.host, device), 'tensorflow');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'libtensorflow_cc.so.2'), '');
    const registry = JSON.stringify({ tensorflowVersion: '2.21.0', kernels });
    machine.setProgram(
      'python3',
      `case "$1" in --version) echo "Python 3.11.7" ;; -m) echo "pip 23.2.1 from /usr" ;; *) echo '${registry}' ;; esac`,
    );
  }

  it('count by type, and those of the default device with them', async () => {
    addLibrary('cuda', {
      Mul: kernel('Mul', 'GPU', { T: [1] }).toString('hex'),
      Reshape: kernel('Reshape', 'DEFAULT', {}).toString('hex'),
      MatMul: kernel('MatMul', 'CPU', { T: [1] }).toString('hex'),
    });
    const ops = {
      Mul: [{ T: 'float32' }, { T: 'complex64' }],
      Reshape: [{ T: 'float32', Tshape: 'int32' }],
      MatMul: [{ T: 'float32' }],
    } as const;
    const found = await findOpKernels(machine.host, 'cuda', ops);
    const lines = formatKernels(found).split('\n');
    expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'op | type | GPU kernel',
      'Mul | float32 | yes',
      'Mul | complex64 | NO',
      'Reshape | T float32, Tshape int32 | yes',
      'MatMul | float32 | NO',
      '',
      'TensorFlow 2.21.0 for cuda, by its own registry of kernels:',
      '1 of 3 ops have a GPU kernel',
    ]);
  });

  it('of a library that is not set up: the answer is the command', async () => {
    await expect(findOpKernels(machine.host, 'cuda', modelOps)).rejects.toMatchObject({
      message: expect.stringMatching(/cuda is not set up/),
      remedy: 'run "bench setup --device cuda"',
    });
  });

  it('of a library that does not load: the cause is shown', async () => {
    addLibrary('cuda', {});
    machine.setProgram(
      'python3',
      'case "$1" in --version) echo "Python 3.11.7" ;; -m) echo "pip 23.2.1 from /usr" ;; *) echo "OSError: invalid ELF header" >&2; exit 1 ;; esac',
    );
    await expect(findOpKernels(machine.host, 'cuda', modelOps)).rejects.toThrow(/invalid ELF header/);
  });
});
