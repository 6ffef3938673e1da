import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  Observer,
  RequestRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';
import type { RequestClass } from '../domain/workload.ts';
import { ClusterTally } from './cluster-tally.ts';
import { Histogram } from './histogram.ts';
import { RequestTally } from './request-tally.ts';
import type { CellSummary } from './results.ts';
import { clusterEventRows } from './rows/cluster-event-row.ts';
import { decisionRows } from './rows/decision-row.ts';
import { migrationRows } from './rows/migration-row.ts';
import { requestRows } from './rows/request-row.ts';
import { timeseriesRows } from './rows/timeseries-row.ts';
import { transferRows } from './rows/transfer-row.ts';
import type { OpenSink, Sink } from './sinks.ts';
import { isInWindow, type SteadyWindow } from './steady-window.ts';
import { summarize } from './summary.ts';
import type { RunTotals } from './tallied.ts';
import { TraceEvents } from './trace-events.ts';

export interface RecorderOptions {
  /** Every class that a request can have, with its targets. */
  readonly classes: readonly RequestClass[];
  /** Requests that arrive outside of it are written and not counted. */
  readonly window?: SteadyWindow | undefined;
  /** `fileSinks(dir)` writes the cell's files, `nullSinks` none. */
  readonly openSink: OpenSink;
  /** The most events that `trace.json` may have. */
  readonly maxTraceEvents?: number;
}

/**
 * Writes the files of one cell as the run goes along and adds up its summary. Memory: eight bytes per request and
 * latency, whatever the number of tokens. Throws `EnvironmentError` when a file cannot be written.
 */
export class CellRecorder implements Observer {
  readonly #requestSink: Sink;
  readonly #decisionSink: Sink;
  readonly #sampleSink: Sink;
  readonly #transferSink: Sink;
  readonly #migrationSink: Sink;
  readonly #eventSink: Sink;
  readonly #traceSink: Sink;
  readonly #trace: TraceEvents;
  readonly #sinks: Sink[] = [];
  readonly #requests: RequestTally;
  readonly #cluster = new ClusterTally();
  readonly #tokenGaps = new Histogram();
  #numDecisionsRejected = 0;

  constructor(options: RecorderOptions) {
    this.#requests = new RequestTally(options.classes, options.window);
    const open = (fileName: string) => this.#open(options.openSink, fileName);
    this.#requestSink = open(requestRows.file);
    this.#decisionSink = open(decisionRows.file);
    this.#sampleSink = open(timeseriesRows.file);
    this.#transferSink = open(transferRows.file);
    this.#migrationSink = open(migrationRows.file);
    this.#eventSink = open(clusterEventRows.file);
    this.#traceSink = open('trace.json');
    this.#sampleSink.write(timeseriesRows.header);
    this.#trace = new TraceEvents(this.#traceSink, options.maxTraceEvents);
  }

  requestEnded(record: RequestRecord): void {
    this.#requests.add(record);
    requestRows.write(record, this.#requestSink);
  }

  tokenGap(gapUs: number, arrivedAtUs: number): void {
    if (isInWindow(this.#requests.window, arrivedAtUs)) this.#tokenGaps.add(gapUs);
  }

  stageEnded(record: StageRecord): void {
    this.#cluster.addStage(record);
    this.#trace.stage(record);
  }

  decision(record: DecisionRecord): void {
    if (record.outcome === 'rejected') this.#numDecisionsRejected += 1;
    decisionRows.write(record, this.#decisionSink);
    this.#trace.decision(record);
  }

  sample(record: InstanceSample): void {
    this.#cluster.addSample(record);
    timeseriesRows.write(record, this.#sampleSink);
    this.#trace.sample(record);
  }

  transferEnded(record: TransferRecord): void {
    this.#cluster.addTransfer(record);
    transferRows.write(record, this.#transferSink);
    this.#trace.transfer(record);
  }

  migrationEnded(record: MigrationRecord): void {
    this.#cluster.addMigration(record);
    migrationRows.write(record, this.#migrationSink);
    this.#trace.migration(record);
  }

  clusterEvent(record: ClusterEventRecord): void {
    this.#cluster.addClusterEvent(record);
    clusterEventRows.write(record, this.#eventSink);
    this.#trace.clusterEvent(record);
  }

  /** Completes the files and returns the summary. */
  finish(totals: RunTotals): CellSummary {
    this.close();
    return summarize(
      {
        requests: this.#requests,
        cluster: this.#cluster,
        tokenGaps: this.#tokenGaps,
        numDecisionsRejected: this.#numDecisionsRejected,
      },
      totals,
    );
  }

  /** Completes and closes the files without a summary, for a run that failed; more than once does no harm. */
  close(): void {
    this.#trace.close();
    closeAll(this.#sinks);
  }

  /** Remembers the sink; when this one cannot be opened, closes those opened before. */
  #open(openSink: OpenSink, fileName: string): Sink {
    try {
      const sink = openSink(fileName);
      this.#sinks.push(sink);
      return sink;
    } catch (error) {
      closeAll(this.#sinks);
      throw error;
    }
  }
}

/** Closes every sink, then throws the first error that there was. */
function closeAll(sinks: readonly Sink[]): void {
  const errors: unknown[] = [];
  for (const sink of sinks) {
    try {
      sink.close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
