import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGguf } from './gguf.ts';

test('bytes lie where the GGUF specification puts them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gguf-test-'));
  const path = join(folder, 'tiny.gguf');
  try {
    writeGguf(path, { a: 'bc', n: 7, f: { float32: 0.5 } }, [
      { name: 'x', shape: [3], values: Float32Array.of(1, 2, 3) },
      { name: 'y', shape: [2, 1], values: Float32Array.of(4, 5) },
    ]);
    const reader = readerOf(readFileSync(path));
    expect(reader.bytes(4).toString()).toBe('GGUF');
    expect(reader.uint32()).toBe(3);
    expect([reader.uint64(), reader.uint64()]).toEqual([2, 3]);
    expect([reader.text(), reader.uint32(), reader.text()]).toEqual(['a', 8, 'bc']);
    expect([reader.text(), reader.uint32(), reader.uint32()]).toEqual(['n', 4, 7]);
    expect([reader.text(), reader.uint32(), reader.float32()]).toEqual(['f', 6, 0.5]);
    expect([reader.text(), reader.uint32(), reader.uint64()]).toEqual(['x', 1, 3]);
    expect([reader.uint32(), reader.uint64()]).toEqual([0, 0]);
    expect([reader.text(), reader.uint32(), reader.uint64(), reader.uint64()]).toEqual(['y', 2, 2, 1]);
    expect([reader.uint32(), reader.uint64()]).toEqual([0, 32]);
    reader.align(32);
    expect([reader.float32(), reader.float32(), reader.float32()]).toEqual([1, 2, 3]);
    reader.align(32);
    expect([reader.float32(), reader.float32()]).toEqual([4, 5]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function readerOf(file: Buffer) {
  let position = 0;
  const bytes = (count: number): Buffer => file.subarray(position, (position += count));
  const uint64 = (): number => Number(bytes(8).readBigUInt64LE());
  return {
    bytes,
    uint64,
    uint32: () => bytes(4).readUInt32LE(),
    float32: () => bytes(4).readFloatLE(),
    text: () => bytes(uint64()).toString(),
    align: (to: number) => {
      position = Math.ceil(position / to) * to;
    },
  };
}
