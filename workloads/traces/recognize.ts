import { InputError } from '../../harness/base/errors.ts';
import { type WorkloadSource, workloadSourceSchema } from '../source-schema.ts';
import { formatOf, recognizeFormats, traceFormatNames } from './formats/index.ts';
import { locateTrace } from './locate.ts';
import { readBeginning } from './read-bytes.ts';

/** A trace source whose format was guessed. */
export interface GuessedSource {
  readonly source: WorkloadSource;
  /** The format, and the unit of its times: `mooncake, times in ms`. */
  readonly guess: string;
}

/**
 * Returns a trace source that replays the whole of `path` as it is, its format recognized by how the file begins. Throws
 * an `InputError` for a missing file, for a format that is not built in, and for columns that several formats have.
 */
export async function traceSourceOf(path: string, baseDir: string): Promise<GuessedSource> {
  const file = await locateTrace(path, baseDir, '');
  const [format, ...others] = recognizeFormats(await readBeginning(file));
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
  const { time } = formatOf(format);
  return {
    source: workloadSourceSchema.parse({ kind: 'trace', path, format }),
    guess: time === undefined ? `${format}, without times` : `${format}, times in ${time}`,
  };
}
