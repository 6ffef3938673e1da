import type { ClusterEventRow, DoneCell } from './load.ts';

/** Moments at which an instance was lost, in order of time. */
export function faultsOf({ events }: DoneCell): readonly ClusterEventRow[] {
  return events.filter(({ kind }) => kind === 'instanceFailed');
}

/** More instances than this are counted. */
const mostNamed = 4;

/** `instance 3 at 8.00 s`, each instance once, with the range over stacks and seeds; empty without faults. */
export function faultWords(cells: readonly DoneCell[]): string {
  const byInstance = new Map<number | null, number[]>();
  for (const { instance, time_us: timeUs } of cells.flatMap(faultsOf)) {
    byInstance.set(instance, [...(byInstance.get(instance) ?? []), timeUs / 1e6]);
  }
  const words = [...byInstance].map(([instance, seconds]) => {
    const [first, last] = [Math.min(...seconds).toFixed(2), Math.max(...seconds).toFixed(2)];
    return `instance ${instance ?? '?'} at ${first === last ? first : `${first} to ${last}`} s`;
  });
  const numOthers = words.length - mostNamed;
  return [...words.slice(0, mostNamed), ...(numOthers > 0 ? [`${numOthers} more`] : [])].join(', ');
}
