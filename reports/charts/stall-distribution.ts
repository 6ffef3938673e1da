import { distributionChart } from './distribution.ts';

export const stallDistribution = distributionChart({
  title: 'Stalls of requests whose KV moved',
  question: 'For how long could a request not run because its KV was on its way?',
  label: 'time stalled, all stalls of a request added, logarithmic',
  short: 'stall',
  only: { isMeant: (row) => row.stalled_us > 0, words: 'stalled requests' },
  valueOf: (row) => row.stalled_us / 1000,
});
