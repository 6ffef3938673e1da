import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Rng } from '../../harness/base/rng.ts';

/** What may happen to a file, each so that something of it is different afterwards unless the file is empty. */
const damages: Readonly<Record<string, (bytes: Buffer, rng: Rng) => Buffer | undefined>> = {
  'a byte flipped': (bytes, rng) => {
    const flipped = Buffer.from(bytes);
    const index = rng.integer(bytes.length);
    flipped[index] = (flipped[index] ?? 0) ^ (1 << rng.integer(8));
    return flipped;
  },
  'a digit changed': (bytes, rng) => {
    const text = bytes.toString();
    const digits = [...text.matchAll(/\d/g)];
    const at = digits[rng.integer(Math.max(1, digits.length))]?.index ?? 0;
    return Buffer.from(`${text.slice(0, at)}${(Number(text[at] ?? 0) + 1) % 10}${text.slice(at + 1)}`);
  },
  'a line lost': (bytes, rng) => withLines(bytes, (lines) => lines.toSpliced(rng.integer(lines.length), 1)),
  'a line doubled': (bytes, rng) =>
    withLines(bytes, (lines) => {
      const index = rng.integer(lines.length);
      return lines.toSpliced(index, 0, lines[index] ?? '');
    }),
  'its end cut off': (bytes, rng) => bytes.subarray(0, rng.integer(bytes.length)),
  emptied: () => Buffer.alloc(0),
  'a hole in it': (bytes, rng) => {
    const start = rng.integer(bytes.length);
    return Buffer.from(bytes).fill(0, start, start + 1 + rng.integer(100));
  },
  removed: () => undefined,
};

/** Damages a file in a random way. Returns what was done, or `undefined` where the file is as it was. */
export function damageFile(path: string, rng: Rng): string | undefined {
  const names = Object.keys(damages);
  const name = names[rng.integer(names.length)] ?? '';
  const bytes = readFileSync(path);
  if (bytes.length === 0 && name !== 'removed') return undefined;
  const damaged = damages[name]?.(bytes, rng);
  if (damaged === undefined) rmSync(path);
  else if (damaged.equals(bytes)) return undefined;
  else writeFileSync(path, damaged);
  return name;
}

/** The text with other lines; those of a CSV or JSON Lines file end with a line feed each. */
function withLines(bytes: Buffer, edit: (lines: readonly string[]) => readonly string[]): Buffer {
  const lines = bytes.toString().split(/(?<=\n)/);
  return Buffer.from(edit(lines).join(''));
}
