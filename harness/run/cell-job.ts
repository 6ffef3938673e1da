import type { RunClock } from './run-clock.ts';
import type { CellSummary } from '../metrics/results.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import type { CallGuard } from '../policy/stack.ts';

/** One cell of the matrix: one policy stack on one seed. Plain data, so that it travels to a worker process. */
export interface CellJob {
  readonly id: string;
  readonly config: ResolvedConfig;
  readonly stackName: string;
  readonly seed: number;
  /** Of a measured run. */
  readonly clock?: RunClock | undefined;
  /** An existing, empty folder that the cell's files are written into. */
  readonly dir: string;
  /** Where what the plug-ins of the cell print goes; not given: wherever the process prints. */
  readonly logFile?: string | undefined;
}

export interface CellProgress {
  readonly phase: 'calibrate' | 'prepare' | 'run' | 'verify';
  /** How many of the `planned` requests have ended, or steps been timed. */
  readonly ended: number;
  readonly planned: number;
  readonly virtualUs: number;
}

export interface CellOutcome {
  readonly summary: CellSummary;
  readonly wall: WallFigures;
  readonly warnings: readonly string[];
  /** What other work on the machine did to a measured cell, where it was too much for its figures to count. */
  readonly disturbance: string | undefined;
}

/** Wall-clock figures for the manifest, in milliseconds; never part of the results that must repeat to the byte. */
export interface WallFigures {
  readonly wall_ms: number;
  readonly step_wall_ms: number;
  readonly overhead_wall_ms: number;
  readonly verify_wall_ms: number;
}

/** Watches over a process while it runs code of plug-ins, and work that takes long. */
export interface CellGuard extends CallGuard {
  /** Told before a plug-in's file is imported; `use` is what the configuration calls it. */
  beforeImport(use: string, file: string): void;
  /** Told that work outside of any policy goes on: a process in which nothing does so for long is taken for stuck. */
  advance(): void;
  /** Told the virtual time of everything that happens, where somebody wants to know it. */
  atTime?(nowUs: number): void;
}
