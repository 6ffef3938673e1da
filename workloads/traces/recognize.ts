import { open } from 'node:fs/promises';
import { InputError } from '../../harness/base/errors.ts';
import { type WorkloadSource, workloadSourceSchema } from '../source-schema.ts';
import { recognizeFormat } from './formats.ts';
import { locateTrace } from './locate.ts';

/**
 * A trace source that replays the whole of `path` as it is, its format recognized by the first line. `InputError` for
 * a missing file and for a format that is not built in.
 */
export async function traceSourceOf(path: string, baseDir: string): Promise<WorkloadSource> {
  const file = await locateTrace(path, baseDir, '');
  const format = recognizeFormat(await readFirstLine(file.path));
  if (format === undefined) {
    throw new InputError({
      source: path,
      path: '',
      line: 1,
      message: 'the format is none of azure, burstgpt and mooncake',
      hint: 'write a configuration with a trace source and name the columns with format.columns',
    });
  }
  return workloadSourceSchema.parse({ kind: 'trace', path, format });
}

/** The first line, or the first 64 KiB of it. */
async function readFirstLine(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1 << 16), 0, 1 << 16, 0);
    return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
  } finally {
    await handle.close();
  }
}
