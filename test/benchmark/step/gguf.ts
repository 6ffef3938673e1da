import { closeSync, openSync, writeSync } from 'node:fs';

/** One float32 tensor of a GGUF file; `shape` has the fastest-varying dimension first, as ggml counts. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A metadata value: a string, an unsigned 32-bit integer, or a float32 marked as such. */
export type GgufValue = string | number | { readonly float32: number };

const alignmentBytes = 32;
const typeUint32 = 4;
const typeFloat32 = 6;
const typeString = 8;
const tensorTypeFloat32 = 0;

/**
 * Writes a GGUF file, version 3, little-endian (layout: "docs/gguf.md" of the ggml project):
 *
 *     "GGUF"  u32 version  u64 tensor count  u64 metadata count
 *     per metadata entry:  string key, u32 value type, value
 *     per tensor:          string name, u32 dimensions, u64 each dimension, u32 element type, u64 offset
 *     zeros up to a multiple of 32 bytes
 *     per tensor:          its elements, then zeros up to a multiple of 32 bytes
 *
 * A string is a u64 length in bytes and its UTF-8; a tensor's offset counts from the start of the elements.
 */
export function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): void {
  const file = openSync(path, 'wx');
  try {
    writeSync(file, padded(header(metadata, tensors)));
    for (const { values } of tensors) {
      writeSync(file, padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength)));
    }
  } finally {
    closeSync(file);
  }
}

function header(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Buffer {
  const entries = Object.entries(metadata);
  const parts = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(entries.length)];
  for (const [key, value] of entries) parts.push(text(key), metadataValue(value));
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    parts.push(text(name), uint32(shape.length), ...shape.map(uint64), uint32(tensorTypeFloat32));
    parts.push(uint64(offset));
    offset += alignedUp(values.byteLength);
  }
  return Buffer.concat(parts);
}

function metadataValue(value: GgufValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([uint32(typeString), text(value)]);
  if (typeof value === 'number') return Buffer.concat([uint32(typeUint32), uint32(value)]);
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value.float32);
  return Buffer.concat([uint32(typeFloat32), bytes]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], alignedUp(bytes.length));
}

function alignedUp(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}
