import type { Command, FlagsOf } from '../command.ts';
import { runFlags } from '../run-flags.ts';

export const run: Command<FlagsOf<typeof runFlags>> = {
  usage: ['$0', 'run'],
  summary: 'run a configuration: every policy on every seed, then the report',
  examples: [
    ['bench --config configs/burst.yaml', 'measure on TensorFlow'],
    ['bench --config configs/burst.yaml --mode simulate', 'simulate: needs no TensorFlow'],
    ['bench --config burst.yaml --policy ./my-policy.ts', 'compare a policy of your own'],
    ['bench --config burst.yaml --policy eager=./my-policy.ts?threshold=0.9', 'the same with parameters'],
    ['bench --config burst.yaml --policy ./my-policy.ts --log', 'keep what it prints'],
    [
      'node --inspect-brk harness/cli/bin.js run --config burst.yaml --only recompute-s1 --pause-at 12.5s',
      'debug one cell',
    ],
    ['bench --config burst.yaml --set cluster.instances=8', 'change one value'],
  ],
  flags: runFlags,
  async execute(given) {
    const { runBench } = await import('../run-bench.ts');
    return runBench(given);
  },
};
