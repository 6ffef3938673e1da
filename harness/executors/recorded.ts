import { readFileSync } from 'node:fs';
import { wallClockUs } from '../base/clock.ts';
import { InputError, messageOf } from '../base/errors.ts';
import type { Executor, MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { MemorylessExecutor } from './memoryless.ts';

/**
 * File name of a cell's recording. It has one line of JSON per executed stage and per attention computed by
 * another instance, then one line with the result of the token check.
 */
export const recordingFile = 'steps.jsonl';

/** A stage: `[instance, stageIndex, requests, tokens, contextTokens, durationUs]`. */
type RecordedStage = readonly [number, number, number, number, number, number];
/**
 * Attention computed for the preceding stage: `['attention', instanceId, stageIndex, ownerId, tokenLayers,
 * contextLayers, durationUs]`.
 */
type RecordedAttention = readonly ['attention', number, number, number, number, number, number];
type RecordedTime = RecordedStage | RecordedAttention;

/**
 * Wraps an executor: forwards every call, records the duration of each stage, and sums up the wall time spent
 * in the executor.
 */
export function recordExecutor(executor: Executor, recording: Recording): RecordedRun {
  const clock = new CallClock();
  const timed = clock.timed.bind(clock);
  const write = (line: RecordedTime): void => recording.write(`${JSON.stringify(line)}\n`);
  return {
    executor: {
      startInstance: timed((...args) => executor.startInstance(...args)),
      stopInstance: timed((...args) => executor.stopInstance(...args)),
      reshapeInstance: timed((...args) => executor.reshapeInstance(...args)),
      addRequest: timed((...args) => executor.addRequest(...args)),
      endRequest: timed((...args) => executor.endRequest(...args)),
      abandonBatch: timed((...args) => executor.abandonBatch(...args)),
      copyKv: timed((...args) => executor.copyKv(...args)),
      releaseKv: timed((...args) => executor.releaseKv(...args)),
      audit: (instanceId) => executor.audit(instanceId),
      close: () => {
        executor.close();
        recording.close();
      },
      ...recordTimes(executor, timed, write),
    },
    get executorUs() {
      return clock.us;
    },
  };
}

/**
 * Wraps the calls whose durations make up the recording. Attention on another instance was timed within its
 * stage, so its call is not timed again.
 */
function recordTimes(
  executor: Executor,
  timed: CallClock['timed'],
  write: (line: RecordedTime) => void,
): Pick<Executor, 'runStage' | 'attentionUs'> {
  const runTimed = timed((batch: MicroBatch, stage: Stage) => executor.runStage(batch, stage));
  return {
    runStage: (batch, stage) => {
      const durationUs = runTimed(batch, stage);
      write(stageLine(batch, stage, durationUs));
      return durationUs;
    },
    attentionUs: (batch, stage, remote) => {
      const durationUs = executor.attentionUs(batch, stage, remote);
      write(attentionLine(stage, remote, durationUs));
      return durationUs;
    },
  };
}

/** Sums up the wall time of calls in microseconds. */
class CallClock {
  us = 0;

  /** Returns a function that makes the same call and adds its wall time. */
  timed<Args extends readonly unknown[], T>(call: (...args: Args) => T): (...args: Args) => T {
    return (...args) => {
      const startUs = wallClockUs();
      try {
        return call(...args);
      } finally {
        this.us += wallClockUs() - startUs;
      }
    };
  }
}

/** Receives the lines of a recording. */
export interface Recording {
  write(line: string): void;
  close(): void;
}

export interface RecordedRun {
  readonly executor: Executor;
  /** Wall time spent in the executor so far, in microseconds. */
  readonly executorUs: number;
}

function stageLine(batch: MicroBatch, stage: Stage, durationUs: number): RecordedStage {
  return [stage.instanceId, stage.stageIndex, batch.size, batch.totalTokens, batch.contextTokens, durationUs];
}

function attentionLine(
  { instanceId, stageIndex }: Stage,
  { ownerId, tokenLayers, contextLayers }: RemoteAttention,
  durationUs: number,
): RecordedAttention {
  return ['attention', instanceId, stageIndex, ownerId, tokenLayers, contextLayers, durationUs];
}

/** Returns the last line of a recording. `verifiedTokens` is null if the token check did not run. */
export function closingLine(verifiedTokens: number | null): string {
  return `${JSON.stringify({ verified_tokens: verifiedTokens })}\n`;
}

/**
 * Charges each stage the time that the recorded run measured, in order. The replay must run the same stages
 * with the same batches: a recording of another configuration or another version of a policy is refused at
 * the first difference, with `InputError`.
 */
export class ReplayExecutor extends MemorylessExecutor {
  readonly #verifiedTokens: number | null;
  readonly #file: string;
  readonly #times: RecordedTime[] = [];
  #next = 0;

  /** Throws `InputError` if the file is missing or not a complete recording. */
  constructor(file: string) {
    super();
    this.#file = file;
    let verifiedTokens: number | null | undefined;
    for (const line of readLines(file)) {
      const entry = parseLine(line, file);
      if ('verified_tokens' in entry) verifiedTokens = entry.verified_tokens;
      else this.#times.push(entry);
    }
    if (verifiedTokens === undefined) {
      throw new InputError({ source: file, path: '', message: 'the recording is not complete' });
    }
    this.#verifiedTokens = verifiedTokens;
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    return this.#take(stageLine(batch, stage, 0));
  }

  override attentionUs(_batch: MicroBatch, stage: Stage, remote: RemoteAttention): number {
    return this.#take(attentionLine(stage, remote, 0));
  }

  /**
   * Returns the duration of the next recorded line in microseconds. Throws `InputError` if the rest of the
   * line differs from `line`.
   */
  #take(line: RecordedTime): number {
    const asked = line.slice(0, -1);
    const recorded = this.#times[this.#next];
    const durationUs = recorded?.at(-1);
    const isAsked =
      recorded?.length === line.length && asked.every((value, index) => value === recorded[index]);
    if (!isAsked || typeof durationUs !== 'number') {
      throw new InputError({
        source: this.#file,
        path: '',
        line: this.#next + 1,
        message: `expected ${JSON.stringify(asked)}, the recording has ${JSON.stringify(recorded?.slice(0, -1) ?? 'ended')}`,
        hint: 'it was made with another configuration or another version of a policy',
      });
    }
    this.#next += 1;
    return durationUs;
  }

  /**
   * Returns the number of tokens verified in the recorded run (null if not checked). Throws `InputError` if
   * recorded stages are left over.
   */
  finish(): number | null {
    const numLeft = this.#times.length - this.#next;
    if (numLeft === 0) return this.#verifiedTokens;
    throw new InputError({
      source: this.#file,
      path: '',
      message: `the recording has ${numLeft} stages more than the replay asked for`,
      hint: 'it was made with another configuration or another version of a policy',
    });
  }
}

function parseLine(line: string, file: string): RecordedTime | { verified_tokens: number | null } {
  try {
    return JSON.parse(line) as RecordedTime | { verified_tokens: number | null };
  } catch (error) {
    throw new InputError({ source: file, path: '', message: 'the recording is damaged' }, { cause: error });
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch (error) {
    throw new InputError(
      { source: file, path: '', message: `cannot read the recording: ${messageOf(error)}` },
      { cause: error },
    );
  }
}
