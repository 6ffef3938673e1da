import { quantileOfSorted, sorted } from '../../../harness/base/stats.ts';
import type { StepCase } from './cases.ts';
import type { ContenderName } from './contender-messages.ts';
import type { RemoteContender } from './remote-contender.ts';

/** How long one side takes for one case: the median step of each round, in microseconds. */
export interface SideTimes {
  readonly name: ContenderName;
  readonly settings: string;
  readonly roundUs: readonly number[];
  readonly tokens: readonly number[];
}

interface Turn {
  readonly contender: RemoteContender;
  readonly times: SideTimes & { readonly roundUs: number[] };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Times the sides by turns, the first turn going to another side in every round, so that drift hits all alike. */
export async function duel(
  contenders: readonly RemoteContender[],
  stepCase: StepCase,
  numRounds: number,
): Promise<SideTimes[]> {
  const turns: Turn[] = [];
  for (const contender of contenders) {
    const { settings, tokens } = await contender.prepare(stepCase.name);
    turns.push({ contender, times: { name: contender.name, settings, tokens, roundUs: [] } });
  }
  for (let round = 0; round < numRounds; round += 1) {
    const first = round % turns.length;
    for (const { contender, times } of [...turns.slice(first), ...turns.slice(0, first)]) {
      times.roundUs.push(spread(await contender.time(stepCase.stepsPerTurn)).median);
    }
  }
  return turns.map(({ times }) => times);
}

export function spread(values: readonly number[]): Spread {
  const inOrder = sorted(values);
  const at = (quantile: number): number => quantileOfSorted(inOrder, quantile) ?? Number.NaN;
  return { median: at(0.5), min: at(0), max: at(1) };
}

/** Ratio of two sides round by round, so that a slow moment of the machine weighs on both. */
export function ratioSpread(side: SideTimes, rival: SideTimes): Spread {
  return spread(side.roundUs.map((us, round) => us / (rival.roundUs[round] ?? Number.NaN)));
}
