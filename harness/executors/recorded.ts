import { readFileSync } from 'node:fs';
import { wallClockUs } from '../base/clock.ts';
import { InputError, messageOf } from '../base/errors.ts';
import type { Executor, MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { type Charge, chargeMeasured } from './charge.ts';
import { MemorylessExecutor } from './memoryless.ts';

/**
 * File name of a cell's recording. It has one line of JSON per executed stage and per attention computed by
 * another instance, then one line with the result of the token check.
 */
export const recordingFile = 'steps.jsonl';

/** A stage: `[instance, stageIndex, requests, tokens, contextTokens, measuredUs, chargedUs]`. */
type RecordedStage = readonly [number, number, number, number, number, number, number];
/**
 * Attention computed for the preceding stage: `['attention', instanceId, stageIndex, ownerId, tokenLayers,
 * contextLayers, measuredUs, chargedUs]`.
 */
type RecordedAttention = readonly ['attention', number, number, number, number, number, number, number];
type RecordedTime = RecordedStage | RecordedAttention;

/** What a run on an executor is charged, and what happens before each stage. */
export interface Clocked {
  readonly charge: Charge;
  /** Called before each stage; what it does is no part of the run's time, as with `afterStage`. */
  readonly beforeStage: () => void;
  readonly afterStage: (batch: MicroBatch, stage: Stage, measuredUs: number) => void;
}

/**
 * Wraps an executor: forwards every call, charges and records the duration of each stage, and sums up the wall time
 * spent in the executor.
 */
export function recordExecutor(
  executor: Executor,
  recording: Recording,
  clocked: Clocked = { charge: chargeMeasured, beforeStage: () => {}, afterStage: () => {} },
): RecordedRun {
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
      ...recordTimes(executor, timed, { write, ...clocked }),
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
  { write, charge, beforeStage, afterStage }: Clocked & { readonly write: (line: RecordedTime) => void },
): Pick<Executor, 'runStage' | 'attentionUs'> {
  const runTimed = timed((batch: MicroBatch, stage: Stage) => executor.runStage(batch, stage));
  return {
    runStage: (batch, stage) => {
      beforeStage();
      const measuredUs = runTimed(batch, stage);
      const chargedUs = charge(measuredUs);
      write(stageLine(batch, stage, { measuredUs, chargedUs }));
      afterStage(batch, stage, measuredUs);
      return chargedUs;
    },
    attentionUs: (batch, stage, remote) => {
      const measuredUs = executor.attentionUs(batch, stage, remote);
      const chargedUs = charge(measuredUs);
      write(attentionLine(stage, remote, { measuredUs, chargedUs }));
      return chargedUs;
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

interface Duration {
  /** What it took on the device. */
  readonly measuredUs: number;
  /** What the run was charged for it. */
  readonly chargedUs: number;
}

function stageLine(
  batch: MicroBatch,
  { instanceId, stageIndex }: Stage,
  { measuredUs, chargedUs }: Duration,
): RecordedStage {
  const { size, totalTokens, contextTokens } = batch;
  return [instanceId, stageIndex, size, totalTokens, contextTokens, measuredUs, chargedUs];
}

function attentionLine(
  { instanceId, stageIndex }: Stage,
  { ownerId, tokenLayers, contextLayers }: RemoteAttention,
  { measuredUs, chargedUs }: Duration,
): RecordedAttention {
  return ['attention', instanceId, stageIndex, ownerId, tokenLayers, contextLayers, measuredUs, chargedUs];
}

/** Returns the last line of a recording. `verifiedTokens` is null if the token check did not run. */
export function closingLine(verifiedTokens: number | null): string {
  return `${JSON.stringify({ verified_tokens: verifiedTokens })}\n`;
}

/** Measured and charged, at the end of a line. */
const numDurations = 2;
const unknown: Duration = { measuredUs: 0, chargedUs: 0 };

/**
 * Charges each stage the time that the recorded run was charged, in order. The replay must run the same stages
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
    return this.#take(stageLine(batch, stage, unknown));
  }

  override attentionUs(_batch: MicroBatch, stage: Stage, remote: RemoteAttention): number {
    return this.#take(attentionLine(stage, remote, unknown));
  }

  /**
   * Returns the duration of the next recorded line in microseconds. Throws `InputError` if the rest of the
   * line differs from `line`.
   */
  #take(line: RecordedTime): number {
    const asked = line.slice(0, -numDurations);
    const recorded = this.#times[this.#next];
    const durationUs = recorded?.at(-1);
    const isAsked =
      recorded?.length === line.length && asked.every((value, index) => value === recorded[index]);
    if (!isAsked || typeof durationUs !== 'number') {
      throw new InputError({
        source: this.#file,
        path: '',
        line: this.#next + 1,
        message: `expected ${JSON.stringify(asked)}, the recording has ${JSON.stringify(recorded?.slice(0, -numDurations) ?? 'ended')}`,
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
