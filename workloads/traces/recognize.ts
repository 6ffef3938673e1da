import { open } from 'node:fs/promises';
import { InputError } from '../../harness/base/errors.ts';
import { type WorkloadSource, workloadSourceSchema } from '../source-schema.ts';
import { recognizeFormats, traceFormatNames } from './formats/index.ts';
import { locateTrace } from './locate.ts';

/**
 * Returns a trace source that replays the whole of `path` as it is, its format recognized by the first line. Throws an `InputError` for
 * a missing file, for a format that is not built in, and for columns that several formats have.
 */
export async function traceSourceOf(path: string, baseDir: string): Promise<WorkloadSource> {
  const file = await locateTrace(path, baseDir, '');
  const [format, ...others] = recognizeFormats(await readFirstLine(file.path));
  if (format === undefined || others.length > 0) {
    throw new InputError({
      source: path,
      path: '',
      line: 1,
      message:
        format === undefined
          ? `the format is none of ${traceFormatNames.join(', ')}`
          : `the columns are those of ${[format, ...others].join(' and ')}`,
      hint: 'write a configuration with a trace source and name its format or, with format.columns, its columns',
    });
  }
  return workloadSourceSchema.parse({ kind: 'trace', path, format });
}

/** Reads the first line, or the first 64 KiB of it. */
async function readFirstLine(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, 0);
    return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
  } finally {
    await handle.close();
  }
}
