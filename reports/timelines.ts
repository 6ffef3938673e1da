import type { DecisionRow, MigrationRow, RequestRow } from '../harness/metrics/results.ts';
import { shownRequests } from './charts/ttft-over-time.ts';
import { cut } from './cut-text.ts';
import { decisionsByRequest, harmedRequests } from './harmed.ts';
import { cellsOf, doneCells } from './load.ts';
import type { DoneCell, Results } from './load.ts';
import { stackNamed } from './stacks.ts';

/** Characters of the decisions and migrations of all requests together, which keeps the page small. */
const allEventCharacters = 150_000;
/** Of one request. */
const mostEvents = 12;

/** What the page tells of one request in one cell; times in microseconds since its arrival. */
interface RequestFacts {
  readonly id: number;
  readonly class: string;
  readonly status: string;
  readonly arrivedUs: number;
  readonly scheduledUs: number | null;
  readonly tokenUs: number | null;
  readonly endedUs: number | null;
  readonly prompt: number;
  readonly output: number;
  readonly preemptions: number;
  readonly preemptedUs: number;
  readonly migrations: number;
  readonly stalledUs: number;
  /** Of its decisions and migrations; fewer are written out where there are many. */
  readonly numEvents: number;
}

/** A decision about a request, or its migration. */
interface RequestEvent {
  readonly id: number;
  readonly atUs: number;
  /** How long it took, of migrations. */
  readonly tookUs: number;
  readonly kind: string;
  readonly by: string;
  readonly why: string;
  readonly isApplied: boolean;
}

/** One cell's requests that a reader can open. */
export interface CellTimelines {
  readonly stack: string;
  readonly seed: number;
  readonly values: readonly RequestFacts[];
  readonly events: { readonly values: readonly RequestEvent[] };
}

/**
 * The requests that a reader can open, by cell: those that the chart of TTFT over time marks, those harmed most, and the same ones in
 * the baseline. Decisions are kept for the harmed ones first, then for the slowest, as far as there is room.
 */
export function timelines(results: Results, harmedPerStack: number): readonly CellTimelines[] {
  const wanted = wantedRequests(results, harmedPerStack);
  let room = allEventCharacters;
  return doneCells(results).flatMap((cell): CellTimelines[] => {
    const ids = wanted.get(cell);
    if (ids === undefined) return [];
    const share = room / (wanted.size || 1);
    const { facts, events, used } = timelinesOf(cell, ids, share);
    wanted.delete(cell);
    room -= used;
    return [{ stack: cell.policy, seed: cell.seed, values: facts, events: { values: events } }];
  });
}

/** Ids in the order in which their decisions are kept. */
function wantedRequests(results: Results, harmedPerStack: number): Map<DoneCell, Set<number>> {
  const wanted = new Map<DoneCell, Set<number>>();
  const want = (cell: DoneCell, id: number) => wanted.set(cell, (wanted.get(cell) ?? new Set()).add(id));
  const baseline = stackNamed(results, results.manifest.baseline);
  const baselineCells = baseline === undefined ? [] : cellsOf(results, baseline);
  const wantBoth = (cell: DoneCell, id: number) => {
    want(cell, id);
    const same = baselineCells.find(({ seed }) => seed === cell.seed);
    if (same !== undefined) want(same, id);
  };
  for (const { cell, row } of harmedRequests(results, harmedPerStack)) wantBoth(cell, row.id);
  for (const { cell, rows } of shownRequests(results)) for (const { id } of rows) wantBoth(cell, id);
  return wanted;
}

function timelinesOf(cell: DoneCell, ids: ReadonlySet<number>, room: number) {
  const decisions = decisionsByRequest(cell);
  const rows = new Map(cell.requests.map((row) => [row.id, row]));
  const events: RequestEvent[] = [];
  let used = 0;
  const facts = [...ids].flatMap((id): RequestFacts[] => {
    const row = rows.get(id);
    if (row === undefined) return [];
    const moves = cell.migrations.filter(({ request }) => request === id);
    const all = eventsOf(row, decisions.get(id) ?? [], moves);
    const own = all.slice(0, mostEvents);
    const size = JSON.stringify(own).length;
    if (used + size <= room) {
      events.push(...own);
      used += size;
    }
    return [factsOf(row, all.length)];
  });
  return { facts, events, used };
}

function factsOf(row: RequestRow, numEvents: number): RequestFacts {
  const since = (timeUs: number | null) => (timeUs === null ? null : timeUs - row.arrived_at_us);
  return {
    id: row.id,
    class: row.class,
    status: row.status,
    arrivedUs: row.arrived_at_us,
    scheduledUs: since(row.first_scheduled_at_us),
    tokenUs: since(row.first_token_at_us),
    endedUs: since(row.ended_at_us),
    prompt: row.prompt_tokens,
    output: row.generated_tokens,
    preemptions: row.preemptions,
    preemptedUs: row.preempted_us,
    migrations: row.migrations,
    stalledUs: row.stalled_us,
    numEvents,
  };
}

function eventsOf(
  { id, arrived_at_us: arrivedAtUs }: RequestRow,
  decisions: readonly DecisionRow[],
  moves: readonly MigrationRow[],
): RequestEvent[] {
  const decided = decisions.map(({ time_us: timeUs, policy, kind, reason, error }) => {
    const why = error === undefined ? reason : `${reason}; refused: ${error}`;
    return {
      id,
      atUs: timeUs - arrivedAtUs,
      tookUs: 0,
      kind,
      by: policy,
      why: cut(why),
      isApplied: error === undefined,
    };
  });
  const moved = moves.map((move) => ({
    id,
    atUs: move.started_us - arrivedAtUs,
    tookUs: move.ended_us - move.started_us,
    kind: 'migration',
    by: `group ${move.from_group} to ${move.to_group}`,
    why: cut(
      move.outcome === 'done' ? `${move.protocol}, ${move.tokens} tokens` : `aborted: ${move.reason ?? ''}`,
    ),
    isApplied: move.outcome === 'done',
  }));
  return [...decided, ...moved].toSorted((a, b) => a.atUs - b.atUs);
}
