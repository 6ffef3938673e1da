import { ttftMsOf } from '../figures.ts';
import { distributionChart } from './distribution.ts';

export const ttftDistribution = distributionChart({
  title: 'Time to first token',
  question: 'How long do requests wait for their first token, and how bad is the tail?',
  label: 'time to first token, logarithmic',
  short: 'TTFT',
  target: 'ttftUs',
  valueOf: ttftMsOf,
});
