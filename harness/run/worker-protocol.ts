import { inspect } from 'node:util';
import { EnvironmentError, InputError, messageOf, PolicyError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import type { Check } from '../conformance/index.ts';
import type { CellJob, CellOutcome, CellProgress } from './cell-job.ts';
import type { ClockRequest } from './make-clock.ts';
import type { RunClock } from './run-clock.ts';
import type { TwinJob, TwinOutcome } from './twin.ts';
import type { PlanRequest, RunPlan } from './plan.ts';

/** What a worker process can be asked to do: everything that runs code of a plug-in. */
export interface WorkerTasks {
  readonly cell: { readonly input: CellJob; readonly output: CellOutcome };
  readonly twin: { readonly input: TwinJob; readonly output: TwinOutcome };
  readonly clock: { readonly input: ClockRequest; readonly output: RunClock };
  readonly plan: { readonly input: PlanRequest; readonly output: RunPlan };
  readonly conformance: {
    readonly input: { readonly file: string; readonly cwd: string };
    readonly output: readonly Check[];
  };
}

export type TaskKind = keyof WorkerTasks;

export type WorkerRequest = {
  readonly [K in TaskKind]: {
    readonly kind: K;
    readonly input: WorkerTasks[K]['input'];
  };
}[TaskKind];

export type WorkerReply =
  /** A plug-in is about to be imported; `use` is what the configuration calls it. */
  | { readonly kind: 'plugin'; readonly use: string }
  | { readonly kind: 'progress'; readonly progress: CellProgress }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: PackedError };

/** An error as plain data, with what the parent needs to throw the right kind again. */
export interface PackedError {
  readonly message: string;
  readonly stack: string | undefined;
  /** The error with its causes and stacks, for the log of the run. */
  readonly log: string;
  readonly issues: readonly InputIssue[] | undefined;
  readonly remedy: string | undefined;
  readonly policy: { readonly name: string; readonly moment: string } | undefined;
  /** System error code: `ENOSPC`, `EACCES`. */
  readonly systemCode: string | undefined;
}

/** A task failed for a reason of its own: a policy that misbehaved, an invariant that does not hold. */
export class TaskError extends Error {
  constructor(packed: Pick<PackedError, 'message' | 'stack'>) {
    super(packed.message);
    this.name = 'TaskError';
    if (packed.stack !== undefined) this.stack = packed.stack;
  }
}

export function packError(error: unknown): PackedError {
  return {
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
    log: `${inspect(error)}\n`,
    issues: error instanceof InputError ? error.issues : undefined,
    remedy: error instanceof EnvironmentError ? error.remedy : undefined,
    policy: error instanceof PolicyError ? { name: error.policy, moment: error.moment } : undefined,
    systemCode: error instanceof Error && 'syscall' in error ? String(Reflect.get(error, 'code')) : undefined,
  };
}

export function unpackError(packed: PackedError): Error {
  if (packed.issues !== undefined) return new InputError(packed.issues);
  if (packed.remedy !== undefined) return new EnvironmentError(packed.message, packed.remedy);
  if (packed.policy !== undefined) {
    const { name, moment } = packed.policy;
    // The message already says which policy and moment.
    return Object.assign(new PolicyError(name, moment, ''), { message: packed.message });
  }
  const error = new TaskError(packed);
  return packed.systemCode === undefined
    ? error
    : Object.assign(error, { code: packed.systemCode, syscall: 'write' });
}
