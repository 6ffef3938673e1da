import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { InputError, messageOf } from '../../harness/base/errors.ts';

export interface TraceFile {
  readonly path: string;
  /** The file as the user names it, for messages. */
  readonly name: string;
}

/**
 * Streams the content of a file, decompressed where it begins as gzip or Zstandard do, whatever it is called; every byte
 * of the file as it is also goes into `hash`. Throws an `InputError` where it cannot be decompressed.
 */
export async function* readBytes(file: TraceFile, hash?: Hash): AsyncGenerator<Uint8Array> {
  const stored = readStored(file.path, hash);
  const first = await stored.next();
  if (first.done === true) return;
  const all = from(first.value, stored);
  const decompress = decompressorOf(first.value);
  if (decompress === undefined) return yield* all;
  try {
    yield* decompress(all);
  } catch (error) {
    const message = `cannot be decompressed: ${messageOf(error)}`;
    throw new InputError({ source: file.name, path: '', message }, { cause: error });
  }
}

/** Reads the beginning of the content, up to 64 KiB of it. */
export async function readBeginning(file: TraceFile): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of readBytes(file)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= beginningBytes) break;
  }
  const text = Buffer.concat(chunks).toString('utf8', 0, Math.min(size, beginningBytes));
  return text.replace(/^\uFEFF/u, '');
}

const beginningBytes = 1 << 16;

async function* readStored(path: string, hash: Hash | undefined): AsyncGenerator<Buffer> {
  const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1 << 18 });
  for await (const chunk of stream) {
    hash?.update(chunk);
    yield chunk;
  }
}

async function* from(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

type Decompressor = (chunks: AsyncIterable<Buffer>) => AsyncIterable<Uint8Array>;

function decompressorOf(beginning: Buffer): Decompressor | undefined {
  const magic = beginning.toString('hex', 0, 4);
  if (magic.startsWith('1f8b')) return gunzip;
  return magic === '28b52ffd' ? unzstd : undefined;
}

function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Uint8Array> {
  const gunzipped = createGunzip();
  // Errors come out of the loop over it; the pipeline closes the file, also when that loop is left early.
  pipeline(Readable.from(chunks), gunzipped, () => {});
  return gunzipped;
}

/** Node has Zstandard from version 22.15 on; this library has it in every version. */
async function* unzstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const stream = new Decompress((chunk) => void ready.push(chunk));
  for await (const chunk of chunks) {
    stream.push(chunk);
    yield* ready;
    ready = [];
  }
  stream.push(new Uint8Array(0), true);
  yield* ready;
}
