import { tpotMsOf } from '../figures.ts';
import { distributionChart } from './distribution.ts';

export const tpotDistribution = distributionChart({
  title: 'Time per output token',
  question: 'How fast do answers run once they have begun?',
  label: 'time per output token after the first, logarithmic',
  short: 'TPOT',
  target: 'tpotUs',
  valueOf: tpotMsOf,
});
